// canonicalize_quantize: QuantizeLinear and DequantizeLinear become pointwise programs, and so parts of what comes before and after.
//
//   %q = QuantizeLinear(%x, 0.5, 3)     →   %q = sinter.Pointwise(%x) [program="1 | const(0.5) div(0,1) round(2) const(3) add(…) clip(…)", dtypes=[3]]
//   %y = DequantizeLinear(%q, %s, %z)   →   %y = sinter.Pointwise(%q, %s, %z) [program="3 | sub(0,2) mul(3,1) | 4", dtypes=[1]]
//
// For f32 and integers of 8 bits; scales for all elements or along an axis. The same operations in the same order: exact.
#include "passes/program.h"
#include "passes/quantization.h"

namespace sinter::passes {
namespace canonicalize_quantize_impl {

// A vector along an axis as an operand that broadcasts to the values.
IrValue* along_axis(Patch& patch, const Node& node, IrValue* vector, int64_t axis, int rank) {
  const Shape* shape = shape_of(vector);
  if (!shape || product(*shape).is(1) || shape->size() != 1) return vector;
  Shape target(static_cast<size_t>(rank), Dim(1));
  target[static_cast<size_t>(axis)] = (*shape)[0];
  if (const Tensor* constant = constant_of(vector)) {
    if (const auto dims = constant_dims(target)) return patch.add_constant(vector->name, constant->reshaped(*dims), {vector});
  }
  return add_reshape(patch, vector->name, vector, target, {&node});
}

}  // namespace canonicalize_quantize_impl

Outcome canonicalize_quantize(Graph& graph, Node& node) {
  using namespace canonicalize_quantize_impl;
  const bool quantizes = node.is("QuantizeLinear");
  if (!quantizes && !node.is("DequantizeLinear")) return NoMatch{};
  const IrValue *narrow = quantizes ? node.output() : node.input(0), *wide = quantizes ? node.input(0) : node.output();
  if (!is_8bit(narrow) || wide->type.dtype != DType::kF32 || node.input(1)->type.dtype != DType::kF32) return decline("not between f32 and 8 bits by f32 scales");
  if (node.attributes.i_or("precision", 0) != 0 || node.attributes.i_or("block_size", 0) != 0) return decline("a precision of the division, or blocks");
  const Shape *shape = shape_of(node.input(0)), *scale = shape_of(node.input(1));
  if (!shape || !scale) return decline("the rank of scale or values is not known");
  const auto rank = static_cast<int>(shape->size());
  int64_t axis = node.attributes.i_or("axis", 1);
  if (axis < 0) axis += rank;
  if (!product(*scale).is(1) && (scale->size() != 1 || axis < 0 || axis >= rank)) return decline("the scales are no vector along an axis");
  Patch patch(graph, node);
  std::vector<IrValue*> inputs{node.input(0), along_axis(patch, node, node.input(1), axis, rank)};
  const Tensor* zero = constant_of(node.input(2));
  const bool has_zero = node.input(2) && !(zero && zero->count() == 1 && zero->to_f64()[0] == 0);
  if (has_zero) inputs.push_back(along_axis(patch, node, node.input(2), axis, rank));
  if (!inputs[1] || !inputs.back()) return decline("the scales' shape can't be expressed");
  PointwiseProgram program;
  program.inputs = static_cast<int>(inputs.size());
  const auto point = static_cast<int16_t>(has_zero ? 2 : -1);
  if (quantizes) {
    program.outputs = {append_rounding(program, program.append(PointwiseOp::kDiv, {0, 1}), point, narrow->type.dtype)};
  } else {
    const int16_t centred = has_zero ? program.append(PointwiseOp::kSub, {0, 2}) : int16_t{0};
    program.outputs = {program.append(PointwiseOp::kMul, {centred, 1})};
  }
  inline_constants(program, inputs, rank);
  Node* made = add_pointwise(patch, node.name, program, inputs, node.output()->type.dtype, {&node});
  patch.replace(node.output(), made->output());
  return patch;
}

}  // namespace sinter::passes
