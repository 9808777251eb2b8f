// sink_transpose_slice: parts along an outermost axis that a transpose leaves alone are taken before it, and stay views.
//
//   Slice(Transpose<0,2,1,3>(%x: [3,b,s,k]), {1}, {2}, {0})  →  Transpose<0,2,1,3>(Slice(%x, {1}, {2}, {0}))
//
// Also with a view between that keeps the axis. All readers must be such slices, and each must meet a further transpose. Exact.
#include <algorithm>

#include "passes/layout.h"

namespace sinter::passes {
namespace sink_transpose_slice_impl {

// Takes elements first … end - 1 of axis 0 alone.
bool is_outer_slice(const Node& node) {
  if (!node.is("Slice") || node.outputs.size() != 1) return false;
  const auto axes = ints_of(node.input(3)), steps = node.input(4) ? ints_of(node.input(4)) : std::vector<int64_t>{1};
  return constant_of(node.input(1)) && constant_of(node.input(2)) && axes == std::vector<int64_t>{0} && steps == std::vector<int64_t>{1};
}

}  // namespace sink_transpose_slice_impl

Outcome sink_transpose_slice(Graph& graph, Node& node) {
  using namespace sink_transpose_slice_impl;
  if (!is_outer_slice(node)) return NoMatch{};
  const Node* view = is_view(node.input(0)->producer) ? node.input(0)->producer : nullptr;
  const IrValue* turned = view ? view->input(0) : node.input(0);
  const Node* first = turned ? turned->producer : nullptr;
  const auto* perm = perm_of(first);
  if (!perm || perm->front() != 0 || (view && !used_once(turned))) return NoMatch{};
  const Shape *from = shape_of(first->input(0)), *middle = shape_of(turned), *whole = shape_of(node.input(0)), *to = shape_of(node.output());
  if (!from || !middle || !whole || !to || (*whole)[0] != (*middle)[0]) return decline("the view changes the axis, or a rank is unknown");
  for (const Node* user : graph.users(node.input(0))) {
    if (!is_outer_slice(*user) || !meets_transpose(user->output())) return decline("not all readers take parts that are transposed again");
  }
  std::vector<const Node*> sources{first, &node};
  if (view) sources.push_back(view);
  Shape part = *from, turned_part = *middle;
  part[0] = turned_part[0] = (*to)[0];
  std::vector<IrValue*> inputs(node.inputs.begin(), node.inputs.end());
  inputs[0] = first->input(0);
  Patch patch(graph, node);
  IrValue* value = patch.add_node(node.op, node.name, inputs, 1, node.attributes, sources)->output();
  value = transposed(patch, node.name + "_transpose", value, *perm, sources);
  value = view_as(patch, node.name + "_view", value, turned_part, *to, sources);
  if (!value) return decline("more than one dim depends on symbols");
  patch.replace(node.output(), value);
  return patch;
}

}  // namespace sinter::passes
