// sink_dequantize: what only moves or selects elements works on the whole numbers, a quarter of the bytes.
//
//   %y = MaxPool(DequantizeLinear(%q, s, z))                     →   %y = DequantizeLinear(MaxPool(%q), s, z)
//   %y = Concat(DequantizeLinear(%a, s, z), DequantizeLinear(%b, s, z))   →   %y = DequantizeLinear(Concat(%a, %b), s, z)
//
// One scale for all elements (a Transpose takes scales along an axis too), the same one for all inputs of a Concat. A Pad with zeros pads
// with the zero point. Exact: the order of numbers is kept, since scales are positive.
#include <algorithm>

#include "passes/quantization.h"
#include "quant/movement.h"

namespace sinter::passes {

Outcome sink_dequantize(Graph& graph, Node& node) {
  if (!quant::selects_elements(node) && !quant::moves_elements(node)) return NoMatch{};
  std::string reason;
  const auto first = dequantized(node.input(0), reason);
  if (!first) {
    if (reason.empty()) return NoMatch{};
    return Declined{std::move(reason)};
  }
  if (is_float(first->values->type.dtype)) return decline("float8, which no tactic moves");
  const auto* perm = node.is("Transpose") ? node.attributes.find_as<std::vector<int64_t>>("perm") : nullptr;
  if (first->axis >= 0 && !perm) return decline("scales along axis {}", first->axis);
  const size_t sources_count = node.is("Concat") ? node.inputs.size() : 1;
  Patch patch(graph, node);
  std::vector<const Node*> sources{&node};
  std::vector<IrValue*> inputs = node.inputs;
  for (size_t i = 0; i < sources_count; ++i) {
    const auto part = dequantized(node.inputs[i], reason);
    if (!part || !same_quantization(*part->node, *first->node)) {
      if (sources_count > 1) return decline("the inputs have several scales");
      if (!part) return NoMatch{};
    }
    inputs[i] = part->values;
    sources.push_back(part->node);
  }
  if (!set_padding(node, first->zero, first->values->type.dtype, inputs, patch)) return decline("the zero point is not constant");
  const int outputs = static_cast<int>(node.outputs.size());
  const Node* moved = patch.add_node(node.op, node.name, inputs, outputs, node.attributes, sources);
  Attributes attributes = first->node->attributes;
  if (first->axis >= 0) {
    const auto place = std::find(perm->begin(), perm->end(), first->axis);
    if (place == perm->end()) return decline("perm does not hold axis {}", first->axis);
    attributes.set("axis", static_cast<int64_t>(place - perm->begin()));
  }
  for (int o = 0; o < outputs; ++o) {
    if (!node.outputs[static_cast<size_t>(o)]) continue;
    std::vector<IrValue*> scaled{moved->output(static_cast<size_t>(o)), first->scale};
    if (first->zero) scaled.push_back(first->zero);
    const Node* made = patch.add_node(first->node->op, first->node->name, scaled, 1, attributes, sources);
    patch.replace(node.outputs[static_cast<size_t>(o)], made->output());
  }
  return patch;
}

}  // namespace sinter::passes
