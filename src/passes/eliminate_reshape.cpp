// eliminate_reshape: views in a row become one Reshape.
//
//   Reshape(Unsqueeze(%x), …)   →   Reshape(%x, {…})      for Reshape, Flatten, Squeeze, Unsqueeze
//
// Only when the final shape can be written as constants, copied dims (0) and at most one -1.
#include <algorithm>

#include "passes/layout.h"

namespace sinter::passes {
Outcome eliminate_reshape(Graph& graph, Node& node) {
  if (!is_view(&node) || !node.input(0) || !is_view(node.input(0)->producer)) return NoMatch{};
  const Node* first = node.input(0)->producer;
  const Shape* to = shape_of(node.output());
  if (!to || !shape_of(first->input(0))) return decline("a shape of unknown rank");
  Patch patch(graph, node);
  IrValue* reshaped = add_reshape(patch, node.name, first->input(0), *to, {first, &node});
  if (!reshaped) return decline("{} has more than one dim that depends on symbols", to_string(*to));
  patch.replace(node.output(), reshaped);
  return patch;
}

}  // namespace sinter::passes
