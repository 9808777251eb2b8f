// FlatBuffers → structs, for hostile bytes: the verifier checks structure, this file checks meaning, plan::validate the graph.
#include "engine/codec.h"
#include "engine/engine_generated.h"

namespace sinter::engine {
namespace {

constexpr int kMaxTextNesting = 64;  // brackets in a dim or type text: their parsers recurse

template <typename... Args>
Status damaged(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(Code::kInvalidEngine, "{}; the engine is damaged, build it again",
                    fmt::format(format, std::forward<Args>(args)...));
}

// FlatBuffers may share one string among many tables, so the decoded size is not bounded by the file's. The budget bounds it.
class Decoder {
 public:
  explicit Decoder(size_t bytes) : budget_(bytes * 16 + (1 << 20)) {}

  Status spend(size_t bytes) {
    if (bytes > budget_) return damaged("a section unfolds to far more than its size");
    budget_ -= bytes;
    return ok_status();
  }

  Status read(const flatbuffers::String* text, std::string& out) {
    if (!text) return ok_status();
    SINTER_TRY(spend(text->size() + sizeof(std::string)));
    out.assign(text->c_str(), text->size());
    return ok_status();
  }

  template <typename T>
  Status read(const flatbuffers::Vector<T>* list, std::vector<T>& out) {
    if (!list) return ok_status();
    SINTER_TRY(spend(list->size() * sizeof(T)));
    out.resize(list->size());
    for (uint32_t i = 0; i < list->size(); ++i) out[i] = list->Get(i);
    return ok_status();
  }

  Status read(const flatbuffers::Vector<flatbuffers::Offset<flatbuffers::String>>* list, std::vector<std::string>& out) {
    if (!list) return ok_status();
    SINTER_TRY(spend(list->size() * sizeof(std::string)));
    out.resize(list->size());
    for (uint32_t i = 0; i < list->size(); ++i) SINTER_TRY(read(list->Get(i), out[i]));
    return ok_status();
  }

  // Lists of tables, each by the read() of its kind.
  template <typename Table, typename T>
  Status read(const flatbuffers::Vector<flatbuffers::Offset<Table>>* list, std::vector<T>& out) {
    if (!list) return ok_status();
    SINTER_TRY(spend(list->size() * sizeof(T)));
    out.resize(list->size());
    for (uint32_t i = 0; i < list->size(); ++i) SINTER_TRY(read(list->Get(i), out[i]));
    return ok_status();
  }

  Status check_nesting(std::string_view text) {
    int depth = 0;
    for (char c : text) {
      depth += c == '(' ? 1 : c == ')' ? -1 : 0;
      if (depth > kMaxTextNesting) return damaged("a size expression is nested deeper than {}", kMaxTextNesting);
    }
    return spend(text.size() * 8);
  }

  Status read_dim(const flatbuffers::String* text, Dim& out) {
    if (!text) return ok_status();
    SINTER_TRY(check_nesting(text->string_view()));
    SINTER_ASSIGN(out, Dim::parse(text->string_view()));
    return ok_status();
  }

  Status read_type(const flatbuffers::String* text, ValueType& out) {
    if (!text) return ok_status();
    SINTER_TRY(check_nesting(text->string_view()));
    SINTER_ASSIGN(out, ValueType::parse(text->string_view()));
    return ok_status();
  }

  Status read_dtype(uint8_t number, DType& out) {
    if (number >= kDTypeCount) return damaged("unknown dtype {}", number);
    out = static_cast<DType>(number);
    return ok_status();
  }

  Status read_layout(uint8_t number, Layout& out) {
    if (number >= kLayoutCount) return damaged("unknown layout {}", number);
    out = static_cast<Layout>(number);
    return ok_status();
  }

  Status read_layouts(const flatbuffers::Vector<uint8_t>* list, std::vector<Layout>& out) {
    std::vector<uint8_t> numbers;
    SINTER_TRY(read(list, numbers));
    out.resize(numbers.size());
    for (size_t i = 0; i < numbers.size(); ++i) SINTER_TRY(read_layout(numbers[i], out[i]));
    return ok_status();
  }

  Status read(const fb::Tensor* table, Tensor& out) {
    if (!table) return ok_status();
    DType dtype = DType::kUndefined;
    SINTER_TRY(read_dtype(table->dtype(), dtype));
    Dims dims;
    SINTER_TRY(read(table->dims(), dims));
    const bool strings = dtype == DType::kString;
    const std::optional<int64_t> bytes = plan::physical_bytes(strings ? DType::kU8 : dtype, Layout::kRowMajor, dims);
    const size_t stored = strings ? (table->strings() ? table->strings()->size() : 0) : (table->data() ? table->data()->size() : 0);
    if (!bytes || static_cast<uint64_t>(*bytes) != stored) {
      return damaged("a tensor {}{} with {} bytes of data", dtype_name(dtype), to_string(dims), stored);
    }
    SINTER_TRY(spend(stored));
    out = Tensor(dtype, std::move(dims));
    if (!strings && stored > 0) std::memcpy(out.raw(), table->data()->data(), stored);
    for (size_t i = 0; strings && i < stored; ++i) {
      SINTER_TRY(read(table->strings()->Get(static_cast<uint32_t>(i)), out.data<std::string>()[i]));
    }
    return ok_status();
  }

  Status read_attribute(const fb::Attribute* table, AttrValue& out) {
    switch (static_cast<AttrKind>(table->kind())) {
      case AttrKind::kInt: out = table->i(); return ok_status();
      case AttrKind::kFloat: {
        std::vector<float> floats;
        SINTER_TRY(read(table->floats(), floats));
        if (floats.size() != 1) return damaged("attribute '{}' has {} floats", table->name()->string_view(), floats.size());
        out = floats[0];
        return ok_status();
      }
      case AttrKind::kString: return read(table->s(), out.emplace<std::string>());
      case AttrKind::kInts: return read(table->ints(), out.emplace<std::vector<int64_t>>());
      case AttrKind::kFloats: return read(table->floats(), out.emplace<std::vector<float>>());
      case AttrKind::kStrings: return read(table->strings(), out.emplace<std::vector<std::string>>());
      case AttrKind::kTensor: return read(table->tensor(), out.emplace<Tensor>());
      case AttrKind::kType: return read_type(table->s(), out.emplace<ValueType>());
      case AttrKind::kGraph: break;
    }
    return damaged("attribute '{}' has kind {}", table->name()->string_view(), table->kind());
  }

  Status read(const fb::TensorDesc* table, TensorDesc& out) {
    out.present = table->present();
    SINTER_TRY(read_dtype(table->dtype(), out.dtype));
    if (table->shape()) {
      SINTER_TRY(spend(table->shape()->size() * sizeof(Dim)));
      out.shape.resize(table->shape()->size());
      for (uint32_t i = 0; i < table->shape()->size(); ++i) SINTER_TRY(read_dim(table->shape()->Get(i), out.shape[i]));
    }
    SINTER_TRY(read(table->opt(), out.opt));
    SINTER_TRY(read_layout(table->layout(), out.layout));
    out.constant = table->constant();
    return read(table->value(), out.value);
  }

  Status read(const fb::Problem* table, Problem& out) {
    SINTER_TRY(read(table->domain(), out.domain));
    SINTER_TRY(read(table->op(), out.op));
    SINTER_TRY(read(table->node(), out.node));
    if (table->attributes()) {
      for (const fb::Attribute* attribute : *table->attributes()) {
        std::string name;
        SINTER_TRY(read(attribute->name(), name));
        AttrValue value;
        SINTER_TRY(read_attribute(attribute, value));
        out.attributes.set(std::move(name), std::move(value));
      }
    }
    SINTER_TRY(read(table->inputs(), out.inputs));
    SINTER_TRY(read(table->outputs(), out.outputs));
    out.epilogue_base = table->epilogue_base();
    if (out.has_epilogue()) {
      if (!table->epilogue()) return damaged("node '{}' has no epilogue program", out.node);
      SINTER_TRY(spend(table->epilogue()->size() * 8));
      SINTER_ASSIGN(out.epilogue, PointwiseProgram::parse(table->epilogue()->string_view()));
    }
    out.precision = {table->tf32(), table->fp16(), table->bf16(), table->int8(), table->strict_nans()};
    out.threads = table->threads();
    if (table->isa() < 0 || table->isa() > static_cast<int>(kLastIsa)) return damaged("unknown instruction set {}", table->isa());
    out.isa = static_cast<Isa>(table->isa());
    if (table->cuda() && device_.kind != DeviceKind::kCuda) return damaged("node '{}' is for a device that the plan does not have", out.node);
    if (table->cuda()) out.device = device_;
    return ok_status();
  }

  Status read(const fb::Offer* table, Offer& out) {
    SINTER_TRY(read(table->config(), out.config));
    SINTER_TRY(read_layouts(table->input_layouts(), out.input_layouts));
    SINTER_TRY(read_layouts(table->output_layouts(), out.output_layouts));
    std::vector<uint8_t> packed;
    SINTER_TRY(read(table->packed_inputs(), packed));
    out.packed_inputs.assign(packed.begin(), packed.end());
    out.workspace_bytes = table->workspace_bytes();
    out.in_place_input = table->in_place_input();
    out.shape_independent = table->shape_independent();
    out.propagates_nan = table->propagates_nan();
    out.estimate_us = table->estimate_us();
    return ok_status();
  }

  Status read(const fb::NamedBlob* table, plan::PackedWeight& out) {
    SINTER_TRY(read_dtype(table->dtype(), out.dtype));
    SINTER_TRY(read(table->dims(), out.dims));
    out.blob = static_cast<int32_t>(table->blob());
    SINTER_TRY(spend(table->offsets()->size() * sizeof(std::vector<int64_t>)));
    for (const fb::Offsets* offsets : *table->offsets()) SINTER_TRY(read(offsets->values(), out.offsets.emplace_back()));
    return ok_status();
  }

  Status read(const fb::ChildRegion* table, std::pair<std::string, int32_t>& out) {
    out.second = table->region();
    return read(table->attribute(), out.first);
  }

  Status read(const fb::Step* table, plan::Step& out) {
    if (table->kind() > static_cast<uint8_t>(plan::StepKind::kTransfer)) return damaged("unknown kind of step {}", table->kind());
    out.kind = static_cast<plan::StepKind>(table->kind());
    SINTER_TRY(read(table->name(), out.name));
    SINTER_TRY(read(table->source_nodes(), out.source_nodes));
    SINTER_TRY(read(table->tactic(), out.tactic));
    out.tactic_version = table->tactic_version();
    SINTER_TRY(read(table->problem(), out.problem));
    SINTER_TRY(read(table->offer(), out.offer));
    SINTER_TRY(read(table->inputs(), out.inputs));
    SINTER_TRY(read(table->outputs(), out.outputs));
    SINTER_TRY(read(table->blobs(), out.blobs));
    SINTER_TRY(read(table->regions(), out.regions));
    out.tuned_us = table->tuned_us();
    out.workspace_bytes = table->workspace_bytes();
    out.code = table->code();
    return ok_status();
  }

  Status read(const fb::Value* table, plan::PlanValue& out) {
    SINTER_TRY(read(table->name(), out.name));
    SINTER_TRY(read(table->onnx_names(), out.onnx_names));
    SINTER_TRY(read_type(table->type(), out.type));
    SINTER_TRY(read_layout(table->layout(), out.layout));
    if (table->storage() > static_cast<uint8_t>(plan::Storage::kAlias)) return damaged("unknown storage {}", table->storage());
    out.storage = static_cast<plan::Storage>(table->storage());
    out.index = table->index();
    if (table->place() > static_cast<uint8_t>(plan::Place::kDevice)) return damaged("unknown place {}", table->place());
    out.place = static_cast<plan::Place>(table->place());
    return read_dim(table->alias_offset(), out.alias_offset_bytes);
  }

  Status read(const fb::Region* table, plan::Region& out) {
    SINTER_TRY(read(table->name(), out.name));
    out.parent = table->parent();
    SINTER_TRY(read(table->values(), out.values));
    SINTER_TRY(read(table->steps(), out.steps));
    SINTER_TRY(read(table->inputs(), out.inputs));
    return read(table->outputs(), out.outputs);
  }

  Status read(const fb::Symbol* table, plan::SymbolRange& out) {
    out.min = table->min();
    out.opt = table->opt();
    out.max = table->max();
    return read(table->name(), out.name);
  }

  Status read(const fb::Blob* table, BlobEntry& out) {
    SINTER_TRY(read_dtype(table->dtype(), out.dtype));
    SINTER_TRY(read(table->dims(), out.dims));
    out.offset = table->offset();
    out.bytes = table->bytes();
    out.hash = table->hash();
    return ok_status();
  }

  Status read(const fb::Io* table, IoInfo& out) {
    SINTER_TRY(read(table->name(), out.name));
    SINTER_TRY(read_type(table->type(), out.type));
    return read(table->onnx_names(), out.onnx_names);
  }

  Status read(const fb::Pair* table, std::pair<std::string, std::string>& out) {
    SINTER_TRY(read(table->key(), out.first));
    return read(table->value(), out.second);
  }

  Status read(const fb::Plugin* table, PluginInfo& out) {
    SINTER_TRY(read(table->name(), out.name));
    SINTER_TRY(read(table->version(), out.version));
    SINTER_TRY(read(table->file(), out.file));
    SINTER_TRY(read(table->hash(), out.hash));
    return read(table->operators(), out.operators);
  }

  // What problems of the plan are for.
  Status read_device(const fb::Device* table, DeviceSpec& out) {
    if (!table) return ok_status();
    if (table->kind() > static_cast<uint8_t>(DeviceKind::kCuda)) return damaged("unknown kind of device {}", table->kind());
    out = {static_cast<DeviceKind>(table->kind()), table->sm(), table->processors(), table->shared_bytes(), table->l2_bytes()};
    device_ = out;
    return ok_status();
  }

 private:
  size_t budget_;
  DeviceSpec device_;
};

template <typename Table>
Result<const Table*> verified_root(std::string_view bytes, std::string_view section) {
  const uint8_t* data = reinterpret_cast<const uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size(), /*max_depth=*/32, /*max_tables=*/1u << 22);
  if (bytes.size() < 8 || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE || !verifier.VerifyBuffer<Table>(nullptr)) {
    return damaged("section '{}' is no valid FlatBuffers data", section);
  }
  return flatbuffers::GetRoot<Table>(data);
}

}  // namespace

Result<Manifest> decode_manifest(std::string_view bytes) {
  SINTER_ASSIGN(const fb::Manifest* table, verified_root<fb::Manifest>(bytes, "manifest"));
  Decoder decoder(bytes.size());
  Manifest out;
  SINTER_TRY(decoder.read(table->sinter_version(), out.sinter_version));
  SINTER_TRY(decoder.read(table->model_name(), out.model_name));
  SINTER_TRY(decoder.read(table->model_hash(), out.model_hash));
  SINTER_TRY(decoder.read(table->build_command(), out.build_command));
  SINTER_TRY(decoder.read(table->date(), out.date));
  SINTER_TRY(decoder.read(table->device(), out.device));
  SINTER_TRY(decoder.read(table->isa(), out.isa));
  out.threads = table->threads();
  SINTER_TRY(decoder.read(table->precisions(), out.precisions));
  SINTER_TRY(decoder.read(table->inputs(), out.inputs));
  SINTER_TRY(decoder.read(table->outputs(), out.outputs));
  SINTER_TRY(decoder.read(table->profile(), out.profile));
  if (table->further_profiles()) {
    for (const fb::Profile* profile : *table->further_profiles()) {
      SINTER_TRY(decoder.spend(sizeof(std::vector<plan::SymbolRange>)));
      out.further_profiles.emplace_back();
      SINTER_TRY(decoder.read(profile->symbols(), out.further_profiles.back()));
    }
  }
  if (table->shapes_to_warm()) {
    for (const fb::ShapeSet* set : *table->shapes_to_warm()) {
      out.shapes_to_warm.emplace_back();
      if (!set->inputs()) continue;
      for (const fb::Offsets* dims : *set->inputs()) {
        const size_t rank = dims->values() ? dims->values()->size() : 0;
        SINTER_TRY(decoder.spend(sizeof(Dims) + rank * sizeof(int64_t)));
        out.shapes_to_warm.back().emplace_back();
        if (rank > 0) out.shapes_to_warm.back().back().assign(dims->values()->begin(), dims->values()->end());
      }
    }
  }
  SINTER_TRY(decoder.read(table->more(), out.more));
  SINTER_TRY(decoder.read(table->plugins(), out.plugins));
  return out;
}

Result<std::vector<BlobEntry>> decode_blob_table(std::string_view bytes) {
  SINTER_ASSIGN(const fb::BlobTable* table, verified_root<fb::BlobTable>(bytes, "blob table"));
  std::vector<BlobEntry> entries;
  SINTER_TRY(Decoder(bytes.size()).read(table->blobs(), entries));
  return entries;
}

namespace {

Result<DecodedPlan> decode_plan(const fb::Plan* table, Decoder& decoder, std::span<const BlobEntry> entries) {
  DecodedPlan out;
  SINTER_TRY(decoder.read_device(table->device(), out.plan.device));
  SINTER_TRY(decoder.read(table->device_model(), out.plan.device_model));
  SINTER_TRY(decoder.read(table->regions(), out.plan.regions));
  SINTER_TRY(decoder.read(table->blobs(), out.blobs));
  for (uint32_t blob : out.blobs) {
    if (blob >= entries.size()) return damaged("plan: blob {} is not in the table", blob);
    SINTER_TRY(decoder.spend(entries[blob].dims.size() * sizeof(int64_t)));
    out.plan.blobs.push_back({entries[blob].dtype, entries[blob].dims});
  }
  SINTER_TRY(decoder.read(table->symbols(), out.plan.symbols));
  out.plan.threads = table->threads();
  SINTER_TRY(decoder.read(table->isa(), out.plan.isa));
  SINTER_TRY(decoder.read(table->cpu_model(), out.plan.cpu_model));
  SINTER_TRY(plan::validate(out.plan));
  return out;
}

}  // namespace

Result<std::vector<DecodedPlan>> decode_plans(std::string_view bytes, std::span<const BlobEntry> entries) {
  SINTER_ASSIGN(const fb::Plan* table, verified_root<fb::Plan>(bytes, "plan"));
  Decoder decoder(bytes.size());
  std::vector<DecodedPlan> plans(1);
  SINTER_ASSIGN(plans[0], decode_plan(table, decoder, entries));
  if (!table->further()) return plans;
  for (const fb::Plan* further : *table->further()) {
    if (!further) return damaged("plan: optimization profile {} is not there", plans.size());
    SINTER_TRY(decoder.spend(sizeof(DecodedPlan)));
    SINTER_ASSIGN(DecodedPlan plan, decode_plan(further, decoder, entries));
    plans.push_back(std::move(plan));
  }
  return plans;
}

Result<DecodedPortable> decode_portable(std::string_view bytes, size_t entry_count) {
  SINTER_ASSIGN(const fb::Portable* table, verified_root<fb::Portable>(bytes, "portable"));
  Decoder decoder(bytes.size());
  DecodedPortable out;
  SINTER_TRY(decoder.read(table->ir_text(), out.ir_text));
  if (!table->blobs()) return out;
  for (const fb::NamedBlob* named : *table->blobs()) {
    if (named->blob() >= entry_count) return damaged("portable part: blob {} is not in the table", named->blob());
    std::string digest;
    SINTER_TRY(decoder.read(named->digest(), digest));
    if (!named->offsets()) {
      out.blobs.emplace_back(std::move(digest), named->blob());
      continue;
    }
    plan::PackedWeight weight;
    SINTER_TRY(decoder.read(named, weight));
    out.packed.emplace_back(std::move(digest), std::move(weight));
  }
  return out;
}

}  // namespace sinter::engine
