// eliminate_transpose: transposes in a row become one, and one that moves only dims of 1 a Reshape (which moves no bytes).
//
//   Transpose<q>(Transpose<p>(%x))          →   Transpose<p∘q>(%x)      identity: eliminate_identity removes it
//   Transpose<0,2,3,1>(%x: f32[1,8,1,1])    →   Reshape(%x, {1,1,1,8})
#include <algorithm>

#include "passes/match.h"

namespace sinter::passes {

Outcome eliminate_transpose(Graph& graph, Node& node) {
  if (!node.is("Transpose")) return NoMatch{};
  const auto* perm = node.attributes.find_as<std::vector<int64_t>>("perm");
  const Shape* shape = shape_of(node.input(0));
  std::vector<int64_t> order;
  if (perm) {
    order = *perm;
  } else if (shape) {
    for (size_t i = shape->size(); i-- > 0;) order.push_back(static_cast<int64_t>(i));
  }
  if (!perm && !shape) return decline("neither perm nor rank is known");
  if (const Node* first = producer(node.input(0), "Transpose")) {
    const auto* inner = first->attributes.find_as<std::vector<int64_t>>("perm");
    if (inner && inner->size() == order.size()) {
      std::vector<int64_t> both;
      for (int64_t axis : order) both.push_back((*inner)[axis]);
      Attributes attributes;
      attributes.set("perm", both);
      Patch patch(graph, node);
      Node* made = patch.add_node(node.op, node.name, {first->input(0)}, 1, std::move(attributes), {first, &node});
      patch.replace(node.output(), made->output());
      patch.describe("Transpose of a Transpose");
      return patch;
    }
  }
  if (!shape || std::is_sorted(order.begin(), order.end())) return NoMatch{};
  int64_t last = -1;
  for (int64_t axis : order) {
    if ((*shape)[axis].is(1)) continue;
    if (axis < last) return NoMatch{};
    last = axis;
  }
  const Shape* to = shape_of(node.output());
  if (!to) return NoMatch{};
  Patch patch(graph, node);
  IrValue* reshaped = add_reshape(patch, node.name, node.input(0), *to, {&node});
  if (!reshaped) return decline("{} has more than one dim that depends on symbols", to_string(*to));
  patch.replace(node.output(), reshaped);
  patch.describe("Transpose of dims of 1 to Reshape");
  return patch;
}

}  // namespace sinter::passes
