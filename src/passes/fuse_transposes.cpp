// fuse_transposes: two transposes with a view between them become one, with views around it.
//
//   %y = Transpose<0,1,3,2>(Reshape(Transpose<1,2,0>(%x: [s,b·h,d]), [b,h,d,s]))
//     →  %y = Transpose<1,2,0,3>(Reshape(%x, [s,b,h,d]))
//
// The shapes on both sides of the view are split into common factors; equal dims may be symbols, others must be constant. Exact.
#include <algorithm>

#include "passes/layout.h"

namespace sinter::passes {
namespace fuse_transposes_impl {

// A factor of a dim of both shapes.
struct Factor {
  Dim size;
  size_t before, after;  // axes
};

// Both shapes as products of common factors in memory order, those of 1 left out.
std::optional<std::vector<Factor>> factors_of(const Shape& before, const Shape& after) {
  std::vector<Factor> factors;
  size_t i = 0, j = 0;
  Dim a(1), b(1);  // what is left of the dims before i and j
  while (true) {
    while (a.is(1) && i < before.size()) a = before[i++];
    while (b.is(1) && j < after.size()) b = after[j++];
    if (a.is(1) || b.is(1)) return a.is(1) && b.is(1) ? std::optional(std::move(factors)) : std::nullopt;
    if (a == b) {
      factors.push_back({a, i - 1, j - 1});
      a = b = Dim(1);
      continue;
    }
    if (!a.is_constant() || !b.is_constant()) return std::nullopt;
    const int64_t least = std::min(a.value(), b.value());
    if (least < 1 || std::max(a.value(), b.value()) % least != 0) return std::nullopt;
    factors.push_back({Dim(least), i - 1, j - 1});
    a = Dim(a.value() / least);
    b = Dim(b.value() / least);
  }
}

// Factors that keep their neighbours, as one.
struct Group {
  Dim size;
  size_t source;  // place of the first one in the input's memory
};

// `memory`: factors as the input has them; `wanted`: as the result has them.
std::vector<Group> groups_of(const std::vector<Factor>& factors, const std::vector<size_t>& memory, const std::vector<size_t>& wanted) {
  std::vector<Group> groups;
  size_t last = 0;
  for (const size_t factor : wanted) {
    const size_t at = static_cast<size_t>(std::find(memory.begin(), memory.end(), factor) - memory.begin());
    if (!groups.empty() && at == last + 1) {
      groups.back().size = groups.back().size * factors[factor].size;
    } else {
      groups.push_back({factors[factor].size, at});
    }
    last = at;
  }
  return groups;
}

}  // namespace fuse_transposes_impl

Outcome fuse_transposes(Graph& graph, Node& node) {
  using namespace fuse_transposes_impl;
  const auto* outer = perm_of(&node);
  const Node* view = outer ? node.input(0)->producer : nullptr;
  if (!is_view(view) || !view->input(0)) return NoMatch{};
  const Node* first = view->input(0)->producer;
  const auto* inner = perm_of(first);
  if (!inner) return NoMatch{};
  if (!used_once(node.input(0)) || !used_once(view->input(0))) return decline("a transpose or the view behind it has several uses");
  const Shape *from = shape_of(first->input(0)), *before = shape_of(view->input(0)), *after = shape_of(node.input(0)), *to = shape_of(node.output());
  if (!from || !before || !after || !to) return decline("a shape of unknown rank");
  const auto factors = factors_of(*before, *after);
  if (!factors) return decline("{} and {} have no common factors", to_string(*before), to_string(*after));
  // Factors in the order of the input's axes, and of the result's.
  std::vector<size_t> memory, wanted;
  for (size_t axis = 0; axis < from->size(); ++axis) {
    for (size_t f = 0; f < factors->size(); ++f) {
      if ((*inner)[(*factors)[f].before] == static_cast<int64_t>(axis)) memory.push_back(f);
    }
  }
  for (const int64_t axis : *outer) {
    for (size_t f = 0; f < factors->size(); ++f) {
      if ((*factors)[f].after == static_cast<size_t>(axis)) wanted.push_back(f);
    }
  }
  const std::vector<Group> groups = groups_of(*factors, memory, wanted);
  std::vector<size_t> order(groups.size());  // groups as the input has them
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return groups[a].source < groups[b].source; });
  Shape split, turned;
  std::vector<int64_t> perm(groups.size());
  for (size_t i = 0; i < order.size(); ++i) {
    split.push_back(groups[order[i]].size);
    perm[order[i]] = static_cast<int64_t>(i);
  }
  for (const Group& group : groups) turned.push_back(group.size);
  const std::vector<const Node*> sources{first, view, &node};
  Patch patch(graph, node);
  IrValue* value = first->input(0);
  if (groups.size() < 2) {
    value = *from == *to ? patch.add_node(op("Identity"), node.name, {value}, 1, {}, sources)->output() : view_as(patch, node.name, value, *from, *to, sources);
  } else {
    value = view_as(patch, node.name + "_split", value, *from, split, sources);
    if (value) value = transposed(patch, node.name, value, perm, sources);
    if (value) value = view_as(patch, node.name + "_view", value, turned, *to, sources);
  }
  if (!value) return decline("more than one dim depends on symbols");
  patch.replace(node.output(), value);
  return patch;
}

}  // namespace sinter::passes
