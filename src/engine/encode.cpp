// Structs → FlatBuffers by way of the generated object types. Fields are written in schema order: the same plan, the same bytes.
#include "engine/codec.h"
#include "engine/engine_generated.h"

namespace sinter::engine {
namespace {

template <typename Table>
std::string pack(const typename Table::NativeTableType& root) {
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  builder.Finish(Table::Pack(builder, &root));
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

std::vector<std::string> dim_texts(const Shape& shape) {
  std::vector<std::string> texts;
  for (const Dim& dim : shape) texts.push_back(dim.to_string());
  return texts;
}

template <typename T>
std::vector<uint8_t> enum_bytes(const std::vector<T>& values) {
  std::vector<uint8_t> bytes;
  for (T value : values) bytes.push_back(static_cast<uint8_t>(value));
  return bytes;
}

std::unique_ptr<fb::TensorT> encode(const Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  auto out = std::make_unique<fb::TensorT>();
  out->dtype = static_cast<uint8_t>(tensor.dtype());
  out->dims = tensor.dims();
  if (tensor.dtype() == DType::kString) {
    out->strings.assign(tensor.data<std::string>(), tensor.data<std::string>() + tensor.count());
  } else if (tensor.bytes() > 0) {
    out->data.assign(tensor.data<uint8_t>(), tensor.data<uint8_t>() + tensor.bytes());
  }
  return out;
}

struct AttributeEncoder {
  fb::AttributeT& out;
  void operator()(int64_t value) const { out.i = value; }
  void operator()(float value) const { out.floats = {value}; }  // a scalar field would lose the sign of -0
  void operator()(const std::string& value) const { out.s = value; }
  void operator()(const std::vector<int64_t>& value) const { out.ints = value; }
  void operator()(const std::vector<float>& value) const { out.floats = value; }
  void operator()(const std::vector<std::string>& value) const { out.strings = value; }
  void operator()(const Tensor& value) const { out.tensor = encode(value); }
  void operator()(const ValueType& value) const { out.s = value.to_string(); }
};

std::vector<std::unique_ptr<fb::AttributeT>> encode(const Attributes& attributes) {
  std::vector<std::unique_ptr<fb::AttributeT>> list;
  for (const auto& [name, value] : attributes) {
    auto out = std::make_unique<fb::AttributeT>();
    out->name = name;
    out->kind = static_cast<uint8_t>(value.index());
    std::visit(AttributeEncoder{*out}, value);
    list.push_back(std::move(out));
  }
  return list;
}

std::vector<std::unique_ptr<fb::TensorDescT>> encode(const std::vector<TensorDesc>& descs) {
  std::vector<std::unique_ptr<fb::TensorDescT>> list;
  for (const TensorDesc& desc : descs) {
    auto out = std::make_unique<fb::TensorDescT>();
    out->present = desc.present;
    out->dtype = static_cast<uint8_t>(desc.dtype);
    out->shape = dim_texts(desc.shape);
    out->opt = desc.opt;
    out->layout = static_cast<uint8_t>(desc.layout);
    out->constant = desc.constant;
    out->value = encode(desc.value);
    list.push_back(std::move(out));
  }
  return list;
}

std::unique_ptr<fb::ProblemT> encode(const Problem& problem) {
  auto out = std::make_unique<fb::ProblemT>();
  out->domain = problem.domain;
  out->op = problem.op;
  out->node = problem.node;
  out->attributes = encode(problem.attributes);
  out->inputs = encode(problem.inputs);
  out->outputs = encode(problem.outputs);
  out->epilogue_base = problem.epilogue_base;
  if (problem.has_epilogue()) out->epilogue = problem.epilogue.to_string();
  out->tf32 = problem.precision.tf32;
  out->fp16 = problem.precision.fp16;
  out->bf16 = problem.precision.bf16;
  out->int8 = problem.precision.int8;
  out->strict_nans = problem.precision.strict_nans;
  out->threads = problem.threads;
  out->isa = static_cast<int32_t>(problem.isa);
  out->cuda = problem.on_cuda();
  return out;
}

std::unique_ptr<fb::OfferT> encode(const Offer& offer) {
  auto out = std::make_unique<fb::OfferT>();
  out->config = offer.config;
  out->input_layouts = enum_bytes(offer.input_layouts);
  out->output_layouts = enum_bytes(offer.output_layouts);
  for (bool packed : offer.packed_inputs) out->packed_inputs.push_back(packed);
  out->workspace_bytes = offer.workspace_bytes;
  out->in_place_input = offer.in_place_input;
  out->shape_independent = offer.shape_independent;
  out->propagates_nan = offer.propagates_nan;
  out->estimate_us = offer.estimate_us;
  return out;
}

std::unique_ptr<fb::StepT> encode(const plan::Step& step) {
  auto out = std::make_unique<fb::StepT>();
  out->kind = static_cast<uint8_t>(step.kind);
  out->name = step.name;
  out->source_nodes = step.source_nodes;
  out->tactic = step.tactic;
  out->tactic_version = step.tactic_version;
  out->problem = encode(step.problem);
  out->offer = encode(step.offer);
  out->inputs = step.inputs;
  out->outputs = step.outputs;
  out->blobs = step.blobs;
  for (const auto& [attribute, region] : step.regions) {
    auto child = std::make_unique<fb::ChildRegionT>();
    child->attribute = attribute;
    child->region = region;
    out->regions.push_back(std::move(child));
  }
  out->tuned_us = step.tuned_us;
  out->workspace_bytes = step.workspace_bytes;
  out->code = step.code;
  return out;
}

std::unique_ptr<fb::ValueT> encode(const plan::PlanValue& value) {
  auto out = std::make_unique<fb::ValueT>();
  out->name = value.name;
  out->onnx_names = value.onnx_names;
  out->type = value.type.to_string();
  out->layout = static_cast<uint8_t>(value.layout);
  out->storage = static_cast<uint8_t>(value.storage);
  out->index = value.index;
  out->place = static_cast<uint8_t>(value.place);
  if (!value.alias_offset_bytes.is(0)) out->alias_offset = value.alias_offset_bytes.to_string();
  return out;
}

std::unique_ptr<fb::RegionT> encode(const plan::Region& region) {
  auto out = std::make_unique<fb::RegionT>();
  out->name = region.name;
  out->parent = region.parent;
  for (const plan::PlanValue& value : region.values) out->values.push_back(encode(value));
  for (const plan::Step& step : region.steps) out->steps.push_back(encode(step));
  out->inputs = region.inputs;
  out->outputs = region.outputs;
  return out;
}

std::vector<std::unique_ptr<fb::SymbolT>> encode(const std::vector<plan::SymbolRange>& symbols) {
  std::vector<std::unique_ptr<fb::SymbolT>> list;
  for (const plan::SymbolRange& symbol : symbols) {
    auto out = std::make_unique<fb::SymbolT>();
    out->name = symbol.name;
    out->min = symbol.min;
    out->opt = symbol.opt;
    out->max = symbol.max;
    list.push_back(std::move(out));
  }
  return list;
}

std::vector<std::unique_ptr<fb::IoT>> encode(const std::vector<IoInfo>& infos) {
  std::vector<std::unique_ptr<fb::IoT>> list;
  for (const IoInfo& info : infos) {
    auto out = std::make_unique<fb::IoT>();
    out->name = info.name;
    out->type = info.type.to_string();
    out->onnx_names = info.onnx_names;
    list.push_back(std::move(out));
  }
  return list;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
  fb::ManifestT out;
  out.sinter_version = manifest.sinter_version;
  out.model_name = manifest.model_name;
  out.model_hash = manifest.model_hash;
  out.build_command = manifest.build_command;
  out.date = manifest.date;
  out.device = manifest.device;
  out.isa = manifest.isa;
  out.threads = manifest.threads;
  out.precisions = manifest.precisions;
  out.inputs = encode(manifest.inputs);
  out.outputs = encode(manifest.outputs);
  out.profile = encode(manifest.profile);
  for (const std::vector<plan::SymbolRange>& ranges : manifest.further_profiles) {
    auto profile = std::make_unique<fb::ProfileT>();
    profile->symbols = encode(ranges);
    out.further_profiles.push_back(std::move(profile));
  }
  for (const std::vector<Dims>& shapes : manifest.shapes_to_warm) {
    auto set = std::make_unique<fb::ShapeSetT>();
    for (const Dims& dims : shapes) {
      set->inputs.push_back(std::make_unique<fb::OffsetsT>());
      set->inputs.back()->values.assign(dims.begin(), dims.end());
    }
    out.shapes_to_warm.push_back(std::move(set));
  }
  for (const auto& [key, value] : manifest.more) {
    auto pair = std::make_unique<fb::PairT>();
    pair->key = key;
    pair->value = value;
    out.more.push_back(std::move(pair));
  }
  for (const PluginInfo& info : manifest.plugins) {
    auto plugin = std::make_unique<fb::PluginT>();
    plugin->name = info.name;
    plugin->version = info.version;
    plugin->file = info.file;
    plugin->hash = info.hash;
    plugin->operators = info.operators;
    out.plugins.push_back(std::move(plugin));
  }
  return pack<fb::Manifest>(out);
}

namespace {

void encode_plan(const plan::Plan& plan, std::span<const uint32_t> blobs, fb::PlanT& out) {
  for (const plan::Region& region : plan.regions) out.regions.push_back(encode(region));
  out.blobs.assign(blobs.begin(), blobs.end());
  out.symbols = encode(plan.symbols);
  out.threads = plan.threads;
  out.isa = plan.isa;
  out.cpu_model = plan.cpu_model;
  if (plan.on_cuda()) {
    out.device = std::make_unique<fb::DeviceT>();
    out.device->kind = static_cast<uint8_t>(plan.device.kind);
    out.device->sm = plan.device.sm;
    out.device->processors = plan.device.processors;
    out.device->shared_bytes = plan.device.shared_bytes;
    out.device->l2_bytes = plan.device.l2_bytes;
    out.device_model = plan.device_model;
  }
}

}  // namespace

std::string encode_plans(std::span<const PlanBlobs> plans) {
  fb::PlanT out;
  encode_plan(*plans[0].plan, plans[0].blobs, out);
  for (const PlanBlobs& further : plans.subspan(1)) {
    out.further.push_back(std::make_unique<fb::PlanT>());
    encode_plan(*further.plan, further.blobs, *out.further.back());
  }
  return pack<fb::Plan>(out);
}

std::string encode_blob_table(std::span<const BlobEntry> entries) {
  fb::BlobTableT out;
  for (const BlobEntry& entry : entries) {
    auto blob = std::make_unique<fb::BlobT>();
    blob->dtype = static_cast<uint8_t>(entry.dtype);
    blob->dims = entry.dims;
    blob->offset = entry.offset;
    blob->bytes = entry.bytes;
    blob->hash = entry.hash;
    out.blobs.push_back(std::move(blob));
  }
  return pack<fb::BlobTable>(out);
}

std::string encode_portable(const PortablePart& part, std::span<const uint32_t> blobs, std::span<const uint32_t> plan_blobs) {
  fb::PortableT out;
  out.ir_text = part.ir_text;
  for (size_t i = 0; i < part.blobs.size(); ++i) {
    auto named = std::make_unique<fb::NamedBlobT>();
    named->digest = part.blobs[i].first;
    named->blob = blobs[i];
    out.blobs.push_back(std::move(named));
  }
  for (const auto& [digest, weight] : part.packed) {
    auto named = std::make_unique<fb::NamedBlobT>();
    named->digest = digest;
    named->blob = plan_blobs[static_cast<size_t>(weight.blob)];
    named->dtype = static_cast<uint8_t>(weight.dtype);
    named->dims.assign(weight.dims.begin(), weight.dims.end());
    for (const std::vector<int64_t>& table : weight.offsets) {
      auto offsets = std::make_unique<fb::OffsetsT>();
      offsets->values = table;
      named->offsets.push_back(std::move(offsets));
    }
    out.blobs.push_back(std::move(named));
  }
  return pack<fb::Portable>(out);
}

}  // namespace sinter::engine
