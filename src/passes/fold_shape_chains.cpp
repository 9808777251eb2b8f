// fold_shape_chains: shape arithmetic whose results are known needs no nodes.
//
//   %s = Shape(%x)           →   %s = const i64[2] {1, 3}       when every tracked element is a number
//   Reshape(%x, %computed)   →   Reshape(%x, const {0, -1, 64}) when the result's shape leaves at most one dim to be computed;
//                                0 copies a dim of %x, -1 is the rest
//   Expand(%x, %computed)    →   Expand(%x, const …)            when the result's shape is known
#include "passes/match.h"

namespace sinter::passes {
namespace fold_shape_chains_impl {

std::optional<Patch> constant_outputs(Graph& graph, Node& node) {
  bool found = false;
  for (const IrValue* output : node.outputs) {
    if (!output || graph.use_count(output) == 0) continue;
    if (!output->elements || !is_integer(output->type.dtype) || !ints_of(output)) return std::nullopt;
    found = true;
  }
  if (!found) return std::nullopt;
  Patch patch(graph, node);
  for (IrValue* output : node.outputs) {
    if (!output || graph.use_count(output) == 0) continue;
    Tensor tensor = Tensor::from_i64(*ints_of(output)).reshaped(output->elements->dims);
    patch.replace(output, patch.add_constant(output->name, tensor.cast(output->type.dtype)));
  }
  return patch;
}

}  // namespace fold_shape_chains_impl

Outcome fold_shape_chains(Graph& graph, Node& node) {
  using namespace fold_shape_chains_impl;
  if (node.op->is(kNondeterministic) || node.op->is(kControlFlow)) return NoMatch{};
  if (auto patch = constant_outputs(graph, node)) return std::move(*patch);
  if (!node.is("Reshape") && !node.is("Expand")) return NoMatch{};
  if (!node.input(1) || constant_of(node.input(1))) return NoMatch{};
  // -1 would take any number of elements, also where the caller's shape is wrong.
  if (node.input(1)->is_graph_input() && !node.input(1)->elements) return decline("the shape is the caller's, not the model's");
  const Shape *from = shape_of(node.input(0)), *to = shape_of(node.output());
  if (!from || !to) return decline("a shape of unknown rank");
  std::optional<std::vector<int64_t>> target;
  if (node.is("Expand")) {
    if (const auto dims = constant_dims(*to)) target = *dims;
    if (!target && *from == *to) target = std::vector<int64_t>{};  // nothing to expand
    if (target && target->empty()) target = std::vector<int64_t>(to->size(), 1);
  } else if (node.attributes.i_or("allowzero", 0) == 0) {
    target = reshape_target(*from, *to);
  }
  if (!target) return decline("more than one dim of {} depends on symbols", to_string(*to));
  Patch patch(graph, node);
  patch.set_input(&node, 1, patch.add_constant(node.name + "_shape", Tensor::from_i64(*target)));
  patch.describe(fmt::format("{} to {}", node.op->name, to_string(Dims(*target))));
  return patch;
}

}  // namespace sinter::passes
