// canonicalize_gemm: a Gemm with constant weight has alpha = beta = 1 and transB = 0.
//
//   Gemm(%x, %w, %b) [alpha=2, beta=3, transB=1]   →   Gemm(%x, (2·%w)ᵀ, 3·%b)
//
// Exact for transB; alpha and beta move a rounding.
#include "passes/match.h"

namespace sinter::passes {
namespace canonicalize_gemm_impl {

IrValue* scaled(Patch& patch, IrValue* value, const Tensor& tensor, double factor) {
  if (factor == 1) return value;
  std::vector<double> numbers = tensor.to_f64();
  for (double& number : numbers) number *= factor;
  return patch.add_constant(value->name, make_floats(numbers, tensor.dims(), tensor.dtype()), {value});
}

}  // namespace canonicalize_gemm_impl

Outcome canonicalize_gemm(Graph& graph, Node& node) {
  using namespace canonicalize_gemm_impl;
  if (!node.is("Gemm") || has_epilogue(node)) return NoMatch{};
  const float alpha = node.attributes.f("alpha"), beta = node.input(2) ? node.attributes.f("beta") : 1.0f;
  const bool transposed = node.attributes.i("transB") != 0;
  if (alpha == 1 && beta == 1 && !transposed) return NoMatch{};
  const Tensor *weight = constant_of(node.input(1)), *bias = constant_of(node.input(2));
  if (!weight || (node.input(2) && !bias && beta != 1)) return decline("weight or bias is not constant");
  if (!contains(kFloatTypes, weight->dtype()) || weight->rank() != 2) return decline("the weight is no float matrix");
  Tensor matrix = *weight;
  if (transposed) {
    Attributes perm;
    perm.set("perm", std::vector<int64_t>{1, 0});
    auto turned = compute(op("Transpose"), perm, {matrix});
    if (!turned.ok()) return decline("{}", turned.status().message());
    matrix = (*turned)[0];
  }
  Patch patch(graph, node);
  std::vector<IrValue*> inputs = node.inputs;
  if (transposed) inputs[1] = patch.add_constant(node.input(1)->name, matrix, {node.input(1)});
  inputs[1] = scaled(patch, inputs[1], matrix, alpha);
  if (bias) inputs[2] = scaled(patch, inputs[2], *bias, beta);
  Attributes attributes = node.attributes;
  attributes.set("alpha", 1.0f);
  if (bias || !node.input(2)) attributes.set("beta", 1.0f);
  attributes.set("transB", int64_t{0});
  Node* made = patch.add_node(node.op, node.name, inputs, 1, std::move(attributes), {&node});
  patch.replace(node.output(), made->output());
  return patch;
}

}  // namespace sinter::passes
