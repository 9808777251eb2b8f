// QLinearAveragePool, QLinearGlobalAveragePool, QLinearReduceMean, NhwcMaxPool, and QLinearConv of com.microsoft: 8-bit images, channels last
// where an attribute says so.
#include "onnx/contrib/contrib.h"

namespace sinter::onnx {
namespace {

constexpr DTypeSet k8Bit = dtype_set(DType::kU8, DType::kI8);
constexpr DTypeSet kF32Only = dtype_set(DType::kF32);

// The attributes of the node but for those named.
Attributes without(const Attributes& from, std::initializer_list<std::string_view> names) {
  Attributes attributes = from;
  for (const std::string_view name : names) attributes.erase(name);
  return attributes;
}

// ONNX Runtime: saturate(round(mean / y_scale + y_zero)), the mean of dequantized f32 values.
Status expand_average_pool(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 3, 4}));
  SINTER_TRY(e.check_rank(0, 3));
  const bool last = e.attributes().i("channels_last") != 0;
  ir::Value* x = last ? e.channels_first(e.input(0)) : e.input(0);
  ir::Value* mean = e.emit("AveragePool", {e.dequantize(x, e.input(1), e.input(2))}, without(e.attributes(), {"channels_last"}));
  if (last) mean = e.transpose(mean, Expansion::channels_last_permutation(e.rank(e.input(0))));
  ir::Value* steps = e.emit("Div", {mean, e.input(3)});
  if (e.input(4)) steps = e.emit("Add", {steps, e.to_f32(e.input(4))});
  e.rounded_output(0, steps, e.dtype(e.input(0)));
  return ok_status();
}

// ONNX Runtime: saturate(round(Σ(x - x_zero)·r) + y_zero), r = x_scale / (y_scale·count). The sum is of whole numbers and exact in f32 up to
// 2^24, that is up to 65793 pixels.
Status expand_global_average_pool(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 3, 4}));
  SINTER_TRY(e.check_rank(0, 3));
  const int rank = e.rank(e.input(0));
  const int first = e.attributes().i("channels_last") != 0 ? 1 : 2;
  std::vector<int64_t> axes;
  for (int axis = first; axis < first + rank - 2; ++axis) axes.push_back(axis);
  ir::Value* sums = e.emit("ReduceSum", {e.dequantize(e.input(0), e.constant_f32("one", 1), e.input(2)), e.constant_i64("axes", axes)});
  ir::Value* extents = e.emit("Shape", {e.input(0)}, make_attributes({{"start", int64_t{first}}, {"end", int64_t{first + rank - 2}}}));
  ir::Value* count = e.to_f32(e.emit("ReduceProd", {extents}, make_attributes({{"keepdims", int64_t{0}}})));
  ir::Value* ratio = e.emit("Div", {e.input(1), e.emit("Mul", {e.input(3), count})});
  ir::Value* zero = e.input(4) ? e.input(4) : e.zero_of(e.dtype(e.input(0)));
  e.quantized_output(0, e.emit("Mul", {sums, ratio}), e.constant_f32("step", 1), zero);
  return ok_status();
}

Status expand_reduce_mean(Expansion& e) {
  SINTER_TRY(e.check_single({1, 2, 3, 4}));
  ir::Value* axes = nullptr;
  if (const auto* list = e.attributes().find_as<std::vector<int64_t>>("axes")) axes = e.constant_i64("axes", *list);
  ir::Value* mean = e.emit("ReduceMean", {e.dequantize(e.input(0), e.input(1), e.input(2)), axes},
                           make_attributes({{"keepdims", e.attributes().i("keepdims")}}));
  e.quantized_output(0, mean, e.input(3), e.input(4) ? e.input(4) : e.zero_of(e.dtype(e.input(0))));
  return ok_status();
}

Status expand_nhwc_max_pool(Expansion& e) {
  SINTER_TRY(e.check_rank(0, 3));
  ir::Value* pooled = e.emit("MaxPool", {e.channels_first(e.input(0))}, e.attributes());
  e.output(0, "Transpose", {pooled}, make_attributes({{"perm", Expansion::channels_last_permutation(e.rank(e.input(0)))}}));
  return ok_status();
}

// As ONNX's QLinearConv; the weights keep their order of channels either way.
Status expand_conv(Expansion& e) {
  std::vector<ir::Value*> inputs;
  for (size_t i = 0; i < e.input_count(); ++i) inputs.push_back(e.input(i));
  const Attributes attributes = without(e.attributes(), {"channels_last"});
  if (e.attributes().i("channels_last") == 0) {
    e.output(0, "QLinearConv", inputs, attributes);
    return ok_status();
  }
  SINTER_TRY(e.check_rank(0, 3));
  inputs[0] = e.channels_first(inputs[0]);
  ir::Value* y = e.emit("QLinearConv", inputs, attributes);
  e.output(0, "Transpose", {y}, make_attributes({{"perm", Expansion::channels_last_permutation(e.rank(e.input(0)))}}));
  return ok_status();
}

OpDef unary(const char* name) {
  OpDef op(name, 1, kMicrosoft);
  op.input("X", "T").input("x_scale", "F").input("x_zero_point", "T", ParamKind::kOptional);
  op.input("y_scale", "F").input("y_zero_point", "T", ParamKind::kOptional).output("Y", "T");
  op.type("T", k8Bit).type("F", kF32Only);
  return op;
}

void window_attributes(OpDef& op) {
  op.attr("auto_pad", std::string("NOTSET")).attr("kernel_shape", AttrKind::kInts, true).attr("pads", AttrKind::kInts, false);
  op.attr("strides", AttrKind::kInts, false).attr("ceil_mode", int64_t{0});
}

}  // namespace

void add_quantized_pools(ContribList& list) {
  OpDef average = unary("QLinearAveragePool");
  window_attributes(average);
  average.attr("count_include_pad", int64_t{0}).attr("channels_last", int64_t{0});
  list.push_back({average, expand_average_pool});
  OpDef global = unary("QLinearGlobalAveragePool");
  global.attr("channels_last", int64_t{0});
  list.push_back({global, expand_global_average_pool});
  OpDef mean = unary("QLinearReduceMean");
  mean.attr("axes", AttrKind::kInts, false).attr("keepdims", int64_t{1});
  list.push_back({mean, expand_reduce_mean});
  OpDef max("NhwcMaxPool", 1, kMicrosoft);
  max.input("x", "T").output("y", "T").type("T", k8Bit).attr("dilations", AttrKind::kInts, false);
  window_attributes(max);
  list.push_back({max, expand_nhwc_max_pool});
  OpDef conv("QLinearConv", 1, kMicrosoft);
  conv.input("x", "T1").input("x_scale", "F").input("x_zero_point", "T1").input("w", "T2").input("w_scale", "F").input("w_zero_point", "T2");
  conv.input("y_scale", "F").input("y_zero_point", "T3").input("B", "T4", ParamKind::kOptional).output("y", "T3");
  conv.type("T1", k8Bit).type("T2", k8Bit).type("T3", k8Bit).type("T4", dtype_set(DType::kI32)).type("F", kF32Only);
  conv.attr("auto_pad", std::string("NOTSET")).attr("dilations", AttrKind::kInts, false).attr("group", int64_t{1});
  conv.attr("kernel_shape", AttrKind::kInts, false).attr("pads", AttrKind::kInts, false).attr("strides", AttrKind::kInts, false);
  conv.attr("channels_last", int64_t{0});
  list.push_back({conv, expand_conv});
}

}  // namespace sinter::onnx
