// Plugins of TensorRT that are compositions: ROIAlign_TRT, InstanceNormalization_TRT, CustomQKVToContextPluginDynamic. Those that are not are operators of
// domain TRT (src/ops).
#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

constexpr const char* kTensorRt = "TRT";
constexpr DTypeSet kFloats = dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kF64);

// Number lists that exporters write as tensors, and numbers that they write as lists of one.
AttrValue as_kind(AttrKind kind, const AttrValue& value) {
  if (const auto* tensor = std::get_if<Tensor>(&value); tensor && tensor->dtype() != DType::kString && !contains(kComplexTypes, tensor->dtype())) {
    const std::vector<double> numbers = tensor->to_f64();
    if (kind == AttrKind::kFloats) return std::vector<float>(numbers.begin(), numbers.end());
    if (kind == AttrKind::kFloat && numbers.size() == 1) return static_cast<float>(numbers[0]);
    if (kind == AttrKind::kInt && numbers.size() == 1) return tensor->to_i64()[0];
  }
  if (const auto* list = std::get_if<std::vector<float>>(&value); list && list->size() == 1 && kind == AttrKind::kFloat) return (*list)[0];
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value); list && list->size() == 1 && kind == AttrKind::kInt) return (*list)[0];
  if (const auto* number = std::get_if<int64_t>(&value); number && kind == AttrKind::kFloat) return static_cast<float>(*number);
  return value;
}

Status expand_roi_align(Expansion& e) {
  const Attributes& a = e.attributes();
  ir::Value* images = Expansion::dtype(e.input(2)) == DType::kI64 ? e.input(2) : e.cast(e.input(2), DType::kI64);
  const bool half = a.i("coordinate_transformation_mode") != 0, average = a.i("mode") != 0;
  e.output(0, "RoiAlign", {e.input(0), e.input(1), images},
           make_attributes({{"coordinate_transformation_mode", std::string(half ? "half_pixel" : "output_half_pixel")}, {"mode", std::string(average ? "avg" : "max")},
                            {"output_height", a.i("output_height")}, {"output_width", a.i("output_width")}, {"sampling_ratio", a.i("sampling_ratio")},
                            {"spatial_scale", a.f("spatial_scale")}}));
  return ok_status();
}

// Scale and bias are inputs, or lists of numbers.
Status expand_instance_normalization(Expansion& e) {
  const Attributes& a = e.attributes();
  const auto numbers = [&](size_t index, const char* name) -> ir::Value* {
    if (e.input(index)) return e.input(index);
    const auto* list = a.find_as<std::vector<float>>(name);
    if (!list) return nullptr;
    return e.constant(name, Tensor::from_f32(*list, {static_cast<int64_t>(list->size())}).cast(Expansion::dtype(e.input(0)) == DType::kUndefined ? DType::kF32 : Expansion::dtype(e.input(0))));
  };
  ir::Value *scale = numbers(1, "scales"), *bias = numbers(2, "bias");
  if (!scale || !bias) return e.error("no scale or no bias", "both, as inputs or as attributes 'scales' and 'bias'");
  const Attributes epsilon = make_attributes({{"epsilon", a.f("epsilon")}});
  if (a.i("relu") == 0) {
    e.output(0, "InstanceNormalization", {e.input(0), scale, bias}, epsilon);
    return ok_status();
  }
  ir::Value* normal = e.emit("InstanceNormalization", {e.input(0), scale, bias}, epsilon);
  e.output(0, "LeakyRelu", {normal}, make_attributes({{"alpha", a.f("alpha")}}));
  return ok_status();
}

// Places of the sequences that lie one behind the other, sequence i from ends[i] to ends[i + 1]: true where two are of one sequence.
ir::Value* same_sequence(Expansion& e, ir::Value* ends, ir::Value* places) {
  ir::Value *behind = e.constant_i64("behind", {1}), *ahead = e.constant_i64("ahead", {0});
  ir::Value* begun = e.emit("GreaterOrEqual", {e.emit("Unsqueeze", {places, behind}), e.cast(ends, DType::kI64)});
  ir::Value* number = e.emit("ReduceSum", {e.cast(begun, DType::kI64), behind}, make_attributes({{"keepdims", int64_t{0}}}));
  return e.emit("Equal", {e.emit("Unsqueeze", {number, behind}), e.emit("Unsqueeze", {number, ahead})});
}

// What the versions of the plugin differ in. Versions 1 and 2 have each head's q, k and v side by side, version 3 all of q first. Sequences are columns of one length
// with the number of valid places, or lie one behind the other (`ends` has where each begins and, last, where the last one ends).
struct ContextForm {
  int version = 1;
  bool joined = false;
  bool masked = false;
  ir::Value* ends = nullptr;

  std::string text() const { return fmt::format("version {}{}", version, joined && version == 2 ? " with var_seqlen" : ""); }
};

Status read_form(const Expansion& e, ContextForm& form) {
  const Attributes& a = e.attributes();
  const std::string& version = a.s("plugin_version");
  if (version != "1" && version != "2" && version != "3") return Expansion::error(fmt::format("version '{}'", version), "version 1, 2 or 3");
  form.version = version[0] - '0';
  form.joined = form.version == 3 || (form.version == 2 && a.i("var_seqlen") != 0);
  const size_t masks = form.version != 3 && a.i("has_mask") != 0 ? 1 : 0;
  form.masked = !form.joined && e.input(1) != nullptr;
  form.ends = form.joined ? e.input(1 + masks) : nullptr;
  if (form.joined && !form.ends) return Expansion::error(fmt::format("{} without input {}", form.text(), 1 + masks), "the places where the sequences begin");
  const int rank = form.version == 1 || !form.joined ? 5 : 4;
  if (Expansion::rank(e.input(0)) >= 0 && Expansion::rank(e.input(0)) != rank)
    return Expansion::error(fmt::format("{} with an input of rank {}", form.text(), Expansion::rank(e.input(0))), fmt::format("rank {}", rank));
  if (form.masked && Expansion::rank(e.input(1)) > 1)
    return make_error(Code::kUnsupported, "a mask of rank {}, packed for one kernel of one GPU; expected the number of valid places of each sequence; export the model with it",
                      Expansion::rank(e.input(1)));
  return ok_status();
}

// [places,sequences,heads,size] of q, k and v; sequences one behind the other are one.
std::vector<ir::Value*> context_parts(Expansion& e, const ContextForm& form, ir::Value* input, int64_t heads, int64_t size) {
  const bool apart = form.version == 3;
  if (apart) input = e.transpose(input, {2, 0, 1, 3});
  const int64_t sequences = form.joined ? 1 : 0;
  ir::Value* split = e.emit("Reshape", {input, e.constant_i64("apart", apart ? std::vector<int64_t>{0, 1, 3, heads, size} : std::vector<int64_t>{0, sequences, heads, 3, size})});
  const int64_t axis = apart ? 2 : 3;
  std::vector<ir::Value*> parts = e.emit_several("Split", {split}, 3, make_attributes({{"axis", axis}, {"num_outputs", int64_t{3}}}));
  ir::Value* taken = e.constant_i64("part_axis", {axis});
  for (ir::Value*& part : parts) part = e.emit("Squeeze", {part, taken});
  return parts;
}

ir::Value* context_mask(Expansion& e, const ContextForm& form, ir::Value* part) {
  if (!form.joined && !form.masked) return nullptr;
  ir::Value* length = e.emit("Squeeze", {e.emit("Shape", {part}, make_attributes({{"start", int64_t{0}}, {"end", int64_t{1}}}))});
  ir::Value* places = e.emit("Range", {e.constant("first", Tensor::scalar(DType::kI64, int64_t{0})), length, e.constant("step", Tensor::scalar(DType::kI64, int64_t{1}))});
  if (form.joined) return same_sequence(e, form.ends, places);
  ir::Value* lengths = e.emit("Unsqueeze", {e.cast(e.input(1), DType::kI64), e.constant_i64("length_axis", {1})});
  return e.emit("Unsqueeze", {e.emit("Less", {places, lengths}), e.constant_i64("mask_axes", {1, 2})});
}

// Versions 1 and 2: [S,B,3*E,1,1] → [S,B,E,1,1], or [T,3*E,1,1] → [T,E,1,1]; version 3: [1,3*E,T,1] → [1,E,T,1].
Status expand_context(Expansion& e) {
  const Attributes& a = e.attributes();
  const int64_t heads = a.i("num_heads"), hidden = a.i("hidden_size");
  if (heads <= 0 || hidden <= 0 || hidden % heads != 0) return e.error(fmt::format("{} heads for a hidden size of {}", heads, hidden), "heads that divide the hidden size");
  ContextForm form;
  SINTER_TRY(read_form(e, form));
  const bool bytes = Expansion::dtype(e.input(0)) == DType::kI8;
  if (bytes && (form.version != 3 || a.i("use_explicit_int8") == 0))
    return e.error("values of 8 bits whose scale is not in the file", "float values, or version 3 with use_explicit_int8 and its scales", "export the model before it is quantized");
  ir::Value* input = bytes ? e.dequantize(e.input(0), e.constant_f32("qkv_scale", a.f("input_qkv_scale"))) : e.input(0);
  std::vector<ir::Value*> parts = context_parts(e, form, input, heads, hidden / heads);
  ir::Value* mask = context_mask(e, form, parts[0]);
  for (ir::Value*& part : parts) part = e.transpose(part, {1, 2, 0, 3});
  ir::Value* context = e.transpose(e.emit("Attention", {parts[0], parts[1], parts[2], mask}), {2, 0, 1, 3});
  const std::vector<int64_t> dims = form.version == 3 ? std::vector<int64_t>{0, 1, hidden, 1} : form.joined ? std::vector<int64_t>{0, hidden, 1, 1} : std::vector<int64_t>{0, 0, hidden, 1, 1};
  ir::Value* shape = e.constant_i64("joined", dims);
  if (form.version != 3) {
    e.output(0, "Reshape", {context, shape});
    return ok_status();
  }
  ir::Value* rows = e.emit("Reshape", {context, shape});
  const std::vector<int64_t> back{1, 2, 0, 3};
  if (bytes) {
    e.output(0, "QuantizeLinear", {e.transpose(rows, back), e.constant_f32("context_scale", a.f("output_ctx_scale")), e.zero_of(DType::kI8)});
  } else {
    e.output(0, "Transpose", {rows}, make_attributes({{"perm", back}}));
  }
  return ok_status();
}

}  // namespace

void add_plugins(ContribList& list) {
  OpDef roi("ROIAlign_TRT", 1, kTensorRt);
  roi.input("X", "T").input("rois", "T").input("batch_indices", "I").output("Y", "T").type("T", kFloats).type("I", dtype_set(DType::kI32, DType::kI64));
  roi.attr("coordinate_transformation_mode", int64_t{1}).attr("mode", int64_t{1}).attr("output_height", int64_t{1}).attr("output_width", int64_t{1});
  roi.attr("sampling_ratio", int64_t{0}).attr("spatial_scale", 1.0f);
  list.push_back({roi, expand_roi_align});
  OpDef normal("InstanceNormalization_TRT", 1, kTensorRt);
  normal.input("X", "T").input("scale", "T", ParamKind::kOptional).input("B", "T", ParamKind::kOptional).output("Y", "T").type("T", kFloats);
  normal.attr("alpha", 0.0f).attr("bias", AttrKind::kFloats, false).attr("epsilon", 1e-5f).attr("relu", int64_t{0}).attr("scales", AttrKind::kFloats, false);
  list.push_back({normal, expand_instance_normalization});
  OpDef context("CustomQKVToContextPluginDynamic", 1, kTensorRt);
  context.input("input", "T").input("input_mask", "any mask", ParamKind::kOptional).input("cu_seqlens", "M", ParamKind::kOptional).input("max_seqlen", "M", ParamKind::kOptional);
  context.output("output", "T").type("T", kFloats | dtype_set(DType::kI8)).type("M", dtype_set(DType::kI32, DType::kI64));
  context.type("any mask", kNumericTypes);
  context.attr("dq_probs", AttrKind::kFloat, false).attr("has_mask", int64_t{0}).attr("hidden_size", AttrKind::kInt, true).attr("num_heads", AttrKind::kInt, true);
  context.attr("plugin_version", std::string("1")).attr("type_id", int64_t{0}).attr("use_int8_scale_max", int64_t{1}).attr("var_seqlen", int64_t{0});
  context.attr("use_explicit_int8", int64_t{0}).attr("input_qkv_scale", 1.0f).attr("output_ctx_scale", 1.0f);
  list.push_back({context, expand_context});
}

const OpDef* find_plugin(std::string_view domain, std::string_view name) {
  if (domain != kTensorRt && (find_op(domain, name) || find_contrib(domain, name))) return nullptr;
  if (const OpDef* op = find_op(kTensorRt, name)) return op;
  const ContribOp* expanded = find_contrib(kTensorRt, name);
  return expanded ? &expanded->schema : nullptr;
}

void normalize_plugin_attributes(const OpDef& op, Attributes& attributes) {
  for (const char* name : {"plugin_version", "plugin_namespace"})
    if (!op.find_attribute(name)) attributes.erase(name);
  Attributes changed;
  for (const auto& [name, value] : attributes) {
    const AttrDef* known = op.find_attribute(name);
    changed.set(name, known ? as_kind(known->kind, value) : value);
  }
  attributes = std::move(changed);
}

}  // namespace sinter::onnx
