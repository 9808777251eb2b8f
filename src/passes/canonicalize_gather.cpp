// canonicalize_gather: taking one constant index is a Slice (a view) and a Reshape.
//
//   Gather(%x: f32[3,n,64], 1) [axis=0]   →   Reshape(Slice(%x, {1}, {2}, {0}), …)
//
// Only where every dim before the axis is 1, so that the slice lies in one piece and needs no copy.
#include <algorithm>

#include "passes/match.h"

namespace sinter::passes {

Outcome canonicalize_gather(Graph& graph, Node& node) {
  if (!node.is("Gather")) return NoMatch{};
  const Tensor* index = constant_of(node.input(1));
  const Shape *from = shape_of(node.input(0)), *to = shape_of(node.output());
  if (!index || index->count() != 1 || index->rank() > 1 || !from || !to || constant_of(node.input(0))) return NoMatch{};
  if (node.output()->elements) return NoMatch{};  // shape arithmetic folds by itself
  int64_t axis = node.attributes.i("axis"), at = index->to_i64()[0];
  if (axis < 0) axis += static_cast<int64_t>(from->size());
  if (!(*from)[axis].is_constant()) return decline("the axis has dim {}", (*from)[axis].to_string());
  if (at < 0) at += (*from)[axis].value();
  if (at < 0 || at >= (*from)[axis].value()) return decline("index {} is out of range", at);
  if (!std::all_of(from->begin(), from->begin() + axis, [](const Dim& dim) { return dim.is(1); })) {
    return decline("dims before axis {} of {}: a slice would copy", axis, to_string(*from));
  }
  Shape part = *from;
  part[axis] = 1;
  const auto target = reshape_target(part, *to);
  if (!target) return decline("{} has more than one dim that depends on symbols", to_string(*to));
  Patch patch(graph, node);
  auto numbers = [&](const char* what, int64_t number) {
    return patch.add_constant(fmt::format("{}_{}", node.name, what), Tensor::from_i64({number}));
  };
  std::vector<IrValue*> inputs{node.input(0), numbers("start", at), numbers("end", at + 1), numbers("axis", axis)};
  IrValue* result = patch.add_node(op("Slice"), node.name, inputs, 1, {}, {&node})->output();
  if (index->rank() == 0) {
    IrValue* shape = patch.add_constant(node.name + "_shape", Tensor::from_i64(*target));
    result = patch.add_node(op("Reshape"), node.name + "_reshape", {result, shape}, 1, {}, {&node})->output();
  }
  patch.replace(node.output(), result);
  return patch;
}

}  // namespace sinter::passes
