// eliminate_concat: concatenations that a simpler graph does without.
//
//   Concat(Split(%x))                →   %x                    all parts in order, on the same axis
//   Concat(%a, Concat(%b, %c))       →   Concat(%a, %b, %c)    on the same axis, when nobody else reads the inner one
#include "passes/match.h"

namespace sinter::passes {
namespace eliminate_concat_impl {

int64_t axis_of(const Node& node, int rank) {
  const int64_t axis = node.attributes.i_or("axis", 0);
  return axis < 0 ? axis + rank : axis;
}

// What was split into exactly these inputs, else null.
IrValue* split_whole(const Node& node, int rank) {
  const Node* split = producer(node.input(0), "Split");
  if (!split || split->outputs.size() != node.inputs.size() || axis_of(*split, rank) != axis_of(node, rank)) return nullptr;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    if (node.inputs[i] != split->outputs[i]) return nullptr;
  }
  return split->input(0);
}

}  // namespace eliminate_concat_impl

Outcome eliminate_concat(Graph& graph, Node& node) {
  using namespace eliminate_concat_impl;
  const int rank = rank_of(node.output());
  if (!node.is("Concat") || rank < 1) return NoMatch{};
  Patch patch(graph, node);
  if (IrValue* whole = split_whole(node, rank)) {
    patch.replace(node.output(), whole);
    patch.describe("of all parts of a Split");
    return patch;
  }
  std::vector<IrValue*> inputs;
  std::vector<const Node*> sources{&node};
  for (IrValue* input : node.inputs) {
    const Node* inner = producer(input, "Concat");
    if (!inner || only_user(input) != &node || axis_of(*inner, rank) != axis_of(node, rank)) {
      inputs.push_back(input);
      continue;
    }
    inputs.insert(inputs.end(), inner->inputs.begin(), inner->inputs.end());
    sources.push_back(inner);
  }
  if (sources.size() == 1) return NoMatch{};
  patch.replace(node.output(), patch.add_node(node.op, node.name, inputs, 1, node.attributes, sources)->output());
  patch.describe(fmt::format("of {} Concats", sources.size() - 1));
  return patch;
}

}  // namespace sinter::passes
