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

// [S,B,3*E,1,1], in which each head has its q, k and v side by side, and lengths [B] → [S,B,E,1,1].
Status expand_context(Expansion& e) {
  const Attributes& a = e.attributes();
  const std::string& version = a.s("plugin_version");
  const int64_t heads = a.i("num_heads"), hidden = a.i("hidden_size");
  const bool masked = e.input(1) != nullptr;
  if (heads <= 0 || hidden <= 0 || hidden % heads != 0) return e.error(fmt::format("{} heads for a hidden size of {}", heads, hidden), "heads that divide the hidden size");
  if (a.i("type_id") == 2 || (version != "1" && (version != "2" || masked || a.i("var_seqlen") != 0)))
    return make_error(Code::kUnsupported, "version '{}' of the plugin with a packed mask, sequences of several lengths or 8-bit values; expected version 1, or 2 without a mask; "
                      "export the model for version 1", version);
  ir::Value* apart = e.emit("Reshape", {e.input(0), e.constant_i64("apart", {0, 0, heads, 3, hidden / heads})});
  Attributes split = make_attributes({{"axis", int64_t{3}}, {"num_outputs", int64_t{3}}});
  std::vector<ir::Value*> parts = e.emit_several("Split", {apart}, 3, split);
  ir::Value* three = e.constant_i64("part_axis", {3});
  for (ir::Value*& part : parts) part = e.transpose(e.emit("Squeeze", {part, three}), {1, 2, 0, 3});
  ir::Value* mask = nullptr;
  if (masked) {
    ir::Value* length = e.emit("Squeeze", {e.emit("Shape", {e.input(0)}, make_attributes({{"start", int64_t{0}}, {"end", int64_t{1}}}))});
    ir::Value* places = e.emit("Range", {e.constant("first", Tensor::scalar(DType::kI64, int64_t{0})), length, e.constant("step", Tensor::scalar(DType::kI64, int64_t{1}))});
    ir::Value* lengths = e.emit("Unsqueeze", {e.cast(e.input(1), DType::kI64), e.constant_i64("length_axis", {1})});
    mask = e.emit("Unsqueeze", {e.emit("Less", {places, lengths}), e.constant_i64("mask_axes", {1, 2})});
  }
  ir::Value* context = e.transpose(e.emit("Attention", {parts[0], parts[1], parts[2], mask}), {2, 0, 1, 3});
  e.output(0, "Reshape", {context, e.constant_i64("joined", {0, 0, hidden, 1, 1})});
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
  context.input("input", "T").input("input_mask", "M", ParamKind::kOptional).output("output", "T").type("T", kFloats).type("M", dtype_set(DType::kI32, DType::kI64));
  context.attr("dq_probs", AttrKind::kFloat, false).attr("has_mask", int64_t{0}).attr("hidden_size", AttrKind::kInt, true).attr("num_heads", AttrKind::kInt, true);
  context.attr("plugin_version", std::string("1")).attr("type_id", int64_t{0}).attr("use_int8_scale_max", int64_t{1}).attr("var_seqlen", int64_t{0});
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
