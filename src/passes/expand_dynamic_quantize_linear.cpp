// expand_dynamic_quantize_linear: the range of a tensor is found by two reductions, the rest is arithmetic on two numbers and one
// QuantizeLinear that can join what comes before and after.
//
//   %y, %s, %z = DynamicQuantizeLinear(%x)
//     →  %s = (max(max(%x), 0) - min(min(%x), 0)) / 255, 1 where that is 0
//        %z = u8(clip(round(0 - min(min(%x), 0) / %s), 0, 255))
//        %y = QuantizeLinear(%x, %s, %z)
//
// The same operations in f32 in the same order: the same bits for finite x.
#include "passes/program.h"
#include "passes/quantization.h"

namespace sinter::passes {
namespace expand_dynamic_quantize_linear_impl {

// Operands 0 and 1: least and largest element.
struct Range {
  PointwiseProgram program;
  int16_t low, scale;
};
Range range_program() {
  Range range;
  PointwiseProgram& p = range.program;
  p.inputs = 2;
  const int16_t zero = p.append_constant(0), steps = p.append_constant(255), one = p.append_constant(1);
  range.low = p.append(PointwiseOp::kMin, {0, zero});
  const int16_t high = p.append(PointwiseOp::kMax, {1, zero});
  const int16_t step = p.append(PointwiseOp::kDiv, {p.append(PointwiseOp::kSub, {high, range.low}), steps});
  range.scale = p.append(PointwiseOp::kWhere, {p.append(PointwiseOp::kGreater, {step, zero}), step, one});
  return range;
}

}  // namespace expand_dynamic_quantize_linear_impl

Outcome expand_dynamic_quantize_linear(Graph& graph, Node& node) {
  using namespace expand_dynamic_quantize_linear_impl;
  if (!node.is("DynamicQuantizeLinear")) return NoMatch{};
  Patch patch(graph, node);
  const std::vector<const Node*> sources{&node};
  Attributes whole;
  whole.set("keepdims", int64_t{0});
  IrValue* least = patch.add_node(op("ReduceMin"), node.name + "_min", {node.input(0)}, 1, whole, sources)->output();
  IrValue* largest = patch.add_node(op("ReduceMax"), node.name + "_max", {node.input(0)}, 1, whole, sources)->output();
  const auto scalar = [&](std::string_view suffix, const PointwiseProgram& program, DType dtype) {
    return add_pointwise(patch, node.name + std::string(suffix), program, {least, largest}, dtype, sources)->output();
  };
  const Range range = range_program();
  PointwiseProgram scale = range.program, zero = range.program;
  scale.outputs = {range.scale};
  const int16_t nothing = zero.append_constant(0);
  const int16_t point = zero.append(PointwiseOp::kSub, {nothing, zero.append(PointwiseOp::kDiv, {range.low, range.scale})});
  zero.outputs = {append_rounding(zero, point, -1, DType::kU8)};
  IrValue* zero_point = scalar("_zero", zero, DType::kU8);
  IrValue* step = scalar("_scale", scale, DType::kF32);
  Attributes attributes;
  attributes.set("output_dtype", static_cast<int64_t>(DType::kU8));
  Node* quantized = patch.add_node(op("QuantizeLinear"), node.name, {node.input(0), step, zero_point}, 1, attributes, sources);
  if (node.output(0)) patch.replace(node.output(0), quantized->output());
  if (node.output(1)) patch.replace(node.output(1), step);
  if (node.output(2)) patch.replace(node.output(2), zero_point);
  return patch;
}

}  // namespace sinter::passes
