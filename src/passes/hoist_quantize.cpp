// hoist_quantize: a value is quantized before it is moved, so that its producer stores whole numbers and the move has a quarter of the bytes.
//
//   %q = QuantizeLinear(MaxPool(%x), s, z)        →   %q = MaxPool(QuantizeLinear(%x, s, z))
//   %q = QuantizeLinear(Concat(%a, %b), s, z)     →   %q = Concat(QuantizeLinear(%a, s, z), QuantizeLinear(%b, s, z))
//
// Where nobody else reads what is moved; one scale for all elements. Exact: rounding keeps the order of numbers.
#include "passes/quantization.h"
#include "quant/movement.h"

namespace sinter::passes {

Outcome hoist_quantize(Graph& graph, Node& node) {
  if (!node.is("QuantizeLinear") || !node.input(0)->producer) return NoMatch{};
  const Node& mover = *node.input(0)->producer;
  if (!quant::moves_elements(mover) || mover.outputs.size() != 1) return NoMatch{};
  if (!used_once(node.input(0))) return decline("'{}' has {} uses", node.input(0)->name, graph.use_count(node.input(0)));
  if (!is_per_tensor(node)) return decline("scales along an axis");
  if (is_float(node.output()->type.dtype)) return decline("float8, which no tactic moves");
  const size_t parts = mover.is("Concat") ? mover.inputs.size() : 1;
  Patch patch(graph, node);
  std::vector<IrValue*> inputs = mover.inputs;
  const std::vector<const Node*> sources{&mover, &node};
  for (size_t i = 0; i < parts; ++i) {
    std::vector<IrValue*> quantized = node.inputs;
    quantized[0] = mover.inputs[i];
    inputs[i] = patch.add_node(node.op, parts == 1 ? node.name : fmt::format("{}_{}", node.name, i), quantized, 1, node.attributes, sources)->output();
  }
  if (!set_padding(mover, node.input(2), integer_type(node), inputs, patch)) return decline("the zero point is not constant");
  const Node* moved = patch.add_node(mover.op, mover.name, inputs, 1, mover.attributes, sources);
  patch.replace(node.output(), moved->output());
  return patch;
}

}  // namespace sinter::passes
