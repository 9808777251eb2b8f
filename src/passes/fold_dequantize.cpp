// fold_dequantize: quantized weights that no integer product took become the floats they stand for.
//
//   %w = DequantizeLinear(const i8, s, z)   →   %w = const f32
//
// Exact: the reference kernel is what would run. After the passes that fuse quantized products.
#include "passes/quantization.h"

namespace sinter::passes {

Outcome fold_dequantize(Graph& graph, Node& node) {
  if (!node.is("DequantizeLinear")) return NoMatch{};
  std::vector<Tensor> inputs;
  for (const IrValue* input : node.inputs) {
    const Tensor* constant = constant_of(input);
    if (input && !constant) return NoMatch{};
    inputs.push_back(constant ? *constant : Tensor());
  }
  auto results = compute(node.op, node.attributes, inputs);
  if (!results.ok()) return decline("the reference kernel refused: {}", results.status().message());
  Patch patch(graph, node);
  patch.replace(node.output(), patch.add_constant(node.output()->name, std::move((*results)[0])));
  return patch;
}

}  // namespace sinter::passes
