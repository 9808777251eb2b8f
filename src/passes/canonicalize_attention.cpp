// canonicalize_attention: where heads are only split off and joined again, Attention takes its inputs unsplit (3-d form).
//
//   q = Transpose<0,2,1,3>(%q4: [b,s,h,d]), k and v alike, %z = Transpose<0,2,1,3>(Attention(q, k, v, mask))
//     →  %z = Reshape(Attention(Reshape(%q4: [b,s,h·d]), …, mask) [q_num_heads=h, kv_num_heads=h])
//
// Four transposes go, and the Reshapes usually cancel those of the exporter. For one batch also the forms over [s,h,d] with a leading
// 1 added behind the transpose, and the result as [s,b,h,d]. Exact: only addresses change.
#include <algorithm>

#include "passes/match.h"

namespace sinter::passes {
namespace canonicalize_attention_impl {

bool has_perm(const Node* node, const std::vector<int64_t>& wanted) {
  const auto* perm = node ? node->attributes.find_as<std::vector<int64_t>>("perm") : nullptr;
  return perm && *perm == wanted;
}

// The tensor whose elements lie as [b,s,h,d] when `value` is its [b,h,s,d] transpose; null otherwise.
IrValue* unsplit(const IrValue* value, std::vector<const Node*>& sources) {
  const Node* made = value->producer;
  if (!made || has_epilogue(*made)) return nullptr;
  if (made->is("Transpose") && has_perm(made, {0, 2, 1, 3})) {
    sources.push_back(made);
    return made->input(0);
  }
  if (!(made->is("Reshape") || made->is("Unsqueeze")) || !shape_of(value)->front().is(1)) return nullptr;
  const Shape* from = shape_of(made->input(0));
  if (!from || from->size() != 3 || !std::equal(from->begin(), from->end(), shape_of(value)->begin() + 1)) return nullptr;
  const Node* transpose = producer(made->input(0), "Transpose");
  if (!has_perm(transpose, {1, 0, 2})) return nullptr;
  sources.insert(sources.end(), {made, transpose});
  return transpose->input(0);
}

}  // namespace canonicalize_attention_impl

Outcome canonicalize_attention(Graph& graph, Node& node) {
  using namespace canonicalize_attention_impl;
  if (!node.is("Attention") || rank_of(node.input(0)) != 4 || node.outputs.size() != 1) return NoMatch{};
  if (node.inputs.size() > 4) return decline("past keys or lengths keep the 4-d form");
  std::vector<const Node*> sources{&node};
  IrValue* unsplit_inputs[3];
  for (size_t i = 0; i < 3; ++i) {
    unsplit_inputs[i] = rank_of(node.inputs[i]) == 4 ? unsplit(node.inputs[i], sources) : nullptr;
    if (!unsplit_inputs[i]) return decline("'{}' is no transpose of heads", node.inputs[i]->name);
    const Shape& shape = *shape_of(node.inputs[i]);
    if (!shape[1].is_constant() || !shape[3].is_constant()) return decline("heads or their size are not constant");
  }
  Node* after = only_user(node.output());
  const bool one_batch = shape_of(node.input(0))->front().is(1);
  if (!after || !after->is("Transpose") || !(has_perm(after, {0, 2, 1, 3}) || (one_batch && has_perm(after, {2, 0, 1, 3})))) {
    return decline("the result's heads are not joined by a transpose");
  }
  sources.push_back(after);
  Patch patch(graph, node);
  std::vector<IrValue*> inputs;
  Shape result;
  for (size_t i = 0; i < 3; ++i) {
    const Shape& shape = *shape_of(node.inputs[i]);
    const Shape packed{shape[0], shape[2], shape[1] * shape[3]};
    if (i == 0) result = packed;
    if (i == 2) result[2] = (*shape_of(node.input(0)))[1] * shape[3];
    inputs.push_back(add_reshape(patch, fmt::format("{}_packed{}", node.name, i), unsplit_inputs[i], packed, sources));
    if (!inputs.back()) return decline("{} has more than one dim that depends on symbols", to_string(packed));
  }
  if (node.input(3)) inputs.push_back(node.input(3));
  Attributes attributes = node.attributes;
  attributes.set("q_num_heads", (*shape_of(node.input(0)))[1].value());
  attributes.set("kv_num_heads", (*shape_of(node.input(1)))[1].value());
  Node* packed = patch.add_node(node.op, node.name, inputs, 1, std::move(attributes), sources);
  const auto target = reshape_target(result, *shape_of(after->output()));
  if (!target) return decline("{} has more than one dim that depends on symbols", after->output()->type.to_string());
  IrValue* shape = patch.add_constant(node.name + "_split_shape", Tensor::from_i64(*target));
  Node* split = patch.add_node(op("Reshape"), after->name, {packed->output(), shape}, 1, {}, sources);
  patch.replace(after->output(), split->output());
  patch.describe("heads stay packed");
  return patch;
}

}  // namespace sinter::passes
