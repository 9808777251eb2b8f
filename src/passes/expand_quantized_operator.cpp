// expand_quantized_operator: ONNX's operators on whole numbers become the one form that quantized products have, and a program.
//
//   QLinearConv(%x, sx, zx, %w, sw, zw, sy, zy, %b)  →  Pointwise(QuantizedConv(%x, %w, sx·sw/sy, zx, zw, %b)) "round, + zy, clip" as 8 bits
//   QLinearMatMul                                    →  the same with QuantizedMatMul
//   Cast<f32>(MatMulInteger(%a, %b, za, zb))         →  QuantizedMatMul(%a, %b, 1, za, zb); ConvInteger likewise
//
// One scale and zero point for the data, one or one an output channel for the weights; scales of QLinear operators are constant. Exact:
// the factor is computed in f32 as sx·sw/sy, and so is its product with the sum.
#include "passes/program.h"
#include "passes/quantization.h"

namespace sinter::passes {
namespace expand_quantized_operator_impl {

bool is_single(const IrValue* value) {
  const Shape* shape = shape_of(value);
  return !value || (shape && product(*shape).is(1));
}

// One value, or a vector.
bool is_vector(const IrValue* value) { return !value || is_single(value) || rank_of(value) == 1; }

IrValue* without_zeros(IrValue* zero) {
  const Tensor* constant = constant_of(zero);
  if (!constant) return zero;
  for (double value : constant->to_f64()) {
    if (value != 0) return zero;
  }
  return nullptr;
}

Node* add_product(Patch& patch, const Node& node, bool convolves, IrValue* data, IrValue* weights, IrValue* scale, IrValue* data_zero, IrValue* weight_zero,
                  IrValue* bias, const std::vector<const Node*>& sources) {
  const SignedWeights whole = as_signed(patch, weights, without_zeros(weight_zero));
  std::vector<IrValue*> inputs{data, whole.values, scale, without_zeros(data_zero), whole.zero, bias};
  while (!inputs.back()) inputs.pop_back();
  return patch.add_node(op(convolves ? "QuantizedConv" : "QuantizedMatMul", "sinter"), node.name, inputs, 1, convolves ? node.attributes : Attributes(), sources);
}

Outcome expand_linear(Graph& graph, Node& node) {
  const bool convolves = node.is("QLinearConv");
  for (size_t i : {1, 2, 6, 7}) {
    if (!is_single(node.input(i))) return decline("input {} has several elements", i);
  }
  if (!is_vector(node.input(4)) || !is_vector(node.input(5))) return decline("the weights' scales are no vector");
  if (!is_8bit(node.output()) || (!convolves && rank_of(node.input(3)) < 2)) return decline("not for this type or rank");
  Patch patch(graph, node);
  IrValue* scale = product_scale(patch, node.name, node.input(1), node.input(4), node.input(6));
  if (!scale) return decline("a scale is not constant, or not f32");
  Node* product = add_product(patch, node, convolves, node.input(0), node.input(3), scale, node.input(2), node.input(5), node.input(8), {&node});
  PointwiseProgram program;
  std::vector<IrValue*> inputs{product->output()};
  if (IrValue* zero = without_zeros(node.input(7))) inputs.push_back(zero);
  program.inputs = static_cast<int>(inputs.size());
  program.outputs = {append_rounding(program, 0, static_cast<int16_t>(program.inputs - 1 ? 1 : -1), node.output()->type.dtype)};
  const Node* made = add_pointwise(patch, node.name + "_quantize", program, inputs, node.output()->type.dtype, {&node});
  patch.replace(node.output(), made->output());
  return patch;
}

Outcome expand_integer(Graph& graph, Node& cast) {
  const Node* product = cast.input(0)->producer;
  if (!product || (!product->is("MatMulInteger") && !product->is("ConvInteger")) || has_epilogue(*product)) return NoMatch{};
  if (cast.output()->type.dtype != DType::kF32) return decline("the cast is to {}", dtype_name(cast.output()->type.dtype));
  const bool convolves = product->is("ConvInteger");
  if (!is_single(product->input(2)) || !is_vector(product->input(3))) return decline("zero points for single rows");
  if (!convolves && (rank_of(product->input(1)) < 2 || rank_of(product->input(0)) < 1)) return decline("the second operand is no matrix");
  Patch patch(graph, cast);
  IrValue* one = patch.add_constant(product->name + "_scale", make_floats({1}, {1}, DType::kF32));
  const Node* made = add_product(patch, *product, convolves, product->input(0), product->input(1), one, product->input(2), product->input(3), nullptr, {product, &cast});
  patch.replace(cast.output(), made->output());
  return patch;
}

}  // namespace expand_quantized_operator_impl

Outcome expand_quantized_operator(Graph& graph, Node& node) {
  using namespace expand_quantized_operator_impl;
  if (has_epilogue(node)) return NoMatch{};
  if (node.is("QLinearConv") || node.is("QLinearMatMul")) return expand_linear(graph, node);
  if (node.is("Cast")) return expand_integer(graph, node);
  return NoMatch{};
}

}  // namespace sinter::passes
