// sink_reshape: a view of a product's result that keeps its last axis moves behind the program that reads it, which may then be its epilogue.
//
//   Pointwise(Reshape(Gemm(%x, %w): [b·s,n], [b,s,n]), %r: [b,s,n])
//     →  Reshape(Pointwise(Gemm(%x, %w), Reshape(%r, [b·s,n])), [b,s,n])
//
// Other operands have the result's shape, one value, or only the last axis. Exact.
#include <algorithm>

#include "passes/layout.h"

namespace sinter::passes {
namespace sink_reshape_impl {

bool is_product(const Node* node) { return node && (node->is("Gemm") || node->is("MatMul")) && node->outputs.size() == 1; }

// The view among the inputs, null when there is none that may move.
const Node* view_of_product(const Node& node) {
  for (const IrValue* input : node.inputs) {
    const Node* view = input ? input->producer : nullptr;
    if (is_view(view) && view->input(0) && is_product(view->input(0)->producer) && used_once(input) && used_once(view->input(0))) return view;
  }
  return nullptr;
}

}  // namespace sink_reshape_impl

Outcome sink_reshape(Graph& graph, Node& node) {
  using namespace sink_reshape_impl;
  if (!node.is("Pointwise", "sinter") || node.outputs.size() != 1) return NoMatch{};
  const Node* view = view_of_product(node);
  if (!view) return NoMatch{};
  const Shape *from = shape_of(view->input(0)), *to = shape_of(view->output());
  if (!from || !to || from->empty() || to->empty() || from->back() != to->back() || !same_shape(view->output(), node.output())) {
    return decline("the view changes the last axis, or its result is broadcast");
  }
  std::vector<const Node*> sources{view, &node};
  Patch patch(graph, node);
  std::vector<IrValue*> inputs;
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    IrValue* input = node.inputs[i];
    const Shape* shape = shape_of(input);
    if (input == view->output()) {
      inputs.push_back(view->input(0));
    } else if (shape && (product(*shape).is(1) || (shape->size() == 1 && shape->back() == to->back()))) {
      if (shape->size() > from->size()) return decline("'{}' has too many axes", input->name);
      inputs.push_back(input);
    } else if (shape && *shape == *to) {
      inputs.push_back(view_as(patch, fmt::format("{}_rows{}", node.name, i), input, *to, *from, sources));
      if (!inputs.back()) return decline("more than one dim depends on symbols");
    } else {
      return decline("'{}' {} is broadcast", input->name, input->type.to_string());
    }
  }
  IrValue* value = patch.add_node(node.op, node.name, inputs, 1, node.attributes, sources)->output();
  value = view_as(patch, node.name + "_view", value, *from, *to, sources);
  if (!value) return decline("more than one dim depends on symbols");
  patch.replace(node.output(), value);
  return patch;
}

}  // namespace sinter::passes
