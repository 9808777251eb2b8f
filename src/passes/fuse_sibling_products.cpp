// fuse_sibling_products: products of one input with several constant weights become one product and a Split.
//
//   %a = Conv(%x, %w1, %b1)  %b = Conv(%x, %w2, %b2)   →   %a, %b = Split(Conv(%x, w1|w2, b1|b2)) [axis=1]
//
// For Conv (one group), MatMul and Gemm with equal attributes and equal epilogues that read nothing else. It pays only where the
// Split moves no bytes: every dim before the split axis is 1. Each sum is the same, so results are too.
#include <algorithm>

#include "passes/dense.h"

namespace sinter::passes {
namespace fuse_sibling_products_impl {

// Weight and bias constant, and an epilogue that reads the result only.
bool is_plain(const Node& node) {
  if (!(node.is("Conv") || node.is("MatMul") || node.is("Gemm")) || node.outputs.size() != 1 || !node.output()) return false;
  const Tensor* weight = constant_of(node.input(1));
  if (!weight || weight->rank() < 2 || !contains(kFloatTypes, weight->dtype())) return false;
  if (node.is("Conv") ? node.attributes.i_or("group", 1) != 1 : weight->rank() != 2) return false;
  if (node.is("Gemm") && (node.attributes.i("transA") != 0 || node.attributes.i("transB") != 0)) return false;
  const size_t own = node.is("MatMul") ? 2 : 3;
  if (node.inputs.size() > own) return false;
  if (const auto base = node.attributes.find_as<int64_t>(kEpilogueBaseAttr)) {
    if (*base != static_cast<int64_t>(node.inputs.size())) return false;
  }
  const Tensor* bias = own == 3 ? constant_of(node.input(2)) : nullptr;
  if (own == 3 && node.input(2) && !bias) return false;
  return !bias || bias->rank() == 1;
}

int64_t channel_axis(const Node& node) { return node.is("Conv") ? 0 : 1; }

bool same_kind(const Node& a, const Node& b) {
  const Tensor &x = *constant_of(a.input(1)), &y = *constant_of(b.input(1));
  if (a.op != b.op || x.rank() != y.rank() || x.dtype() != y.dtype() || !(a.attributes == b.attributes)) return false;
  if ((a.input(2) == nullptr) != (b.input(2) == nullptr) || a.inputs.size() != b.inputs.size()) return false;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != channel_axis(a) && x.dim(i) != y.dim(i)) return false;
  }
  return true;
}

// All dims before the output's channel axis are 1: parts of the result lie one behind the other.
bool split_is_view(const Node& node) {
  const Shape* shape = shape_of(node.output());
  if (!shape || shape->size() < 2) return false;
  const size_t axis = node.is("Conv") ? 1 : shape->size() - 1;
  return std::all_of(shape->begin(), shape->begin() + axis, [](const Dim& dim) { return dim.is(1); });
}

std::optional<Tensor> joined(const std::vector<Node*>& nodes, size_t input, int64_t axis) {
  std::vector<Tensor> parts;
  for (const Node* node : nodes) {
    const Tensor* part = constant_of(node->input(input));
    const Tensor* weight = constant_of(node->input(1));
    if (input == 2 && part->dim(0) != weight->dim(static_cast<int>(channel_axis(*node)))) return std::nullopt;  // a broadcast bias
    parts.push_back(*part);
  }
  Attributes attributes;
  attributes.set("axis", axis);
  auto result = compute(op("Concat"), attributes, parts);
  if (!result.ok()) return std::nullopt;
  return (*result)[0];
}

}  // namespace fuse_sibling_products_impl

Outcome fuse_sibling_products(Graph& graph, Node& node) {
  using namespace fuse_sibling_products_impl;
  if (!is_plain(node) || !node.input(0)) return NoMatch{};
  std::vector<Node*> siblings;
  for (Node* user : graph.users(node.input(0))) {
    if (user->input(0) == node.input(0) && is_plain(*user) && same_kind(*user, node)) siblings.push_back(user);
  }
  if (siblings.size() < 2 || siblings[0] != &node) return NoMatch{};
  if (!split_is_view(node)) return decline("splitting {} would copy", node.output()->type.to_string());
  const auto weight = joined(siblings, 1, channel_axis(node));
  const auto bias = node.input(2) && !node.is("MatMul") ? joined(siblings, 2, 0) : std::nullopt;
  if (!weight || (node.input(2) && !bias)) return decline("weights or biases can't be joined");
  Patch patch(graph, node);
  std::vector<const Node*> sources(siblings.begin(), siblings.end());
  std::vector<IrValue*> inputs{node.input(0)}, outputs;
  std::vector<const IrValue*> weights, biases;
  std::vector<int64_t> sizes;
  for (const Node* sibling : siblings) {
    weights.push_back(sibling->input(1));
    if (bias) biases.push_back(sibling->input(2));
    sizes.push_back(constant_of(sibling->input(1))->dim(static_cast<int>(channel_axis(node))));
  }
  inputs.push_back(patch.add_constant(node.input(1)->name, *weight, weights));
  if (bias) inputs.push_back(patch.add_constant(node.input(2)->name, *bias, biases));
  Node* product = patch.add_node(node.op, node.name, inputs, 1, node.attributes, sources);
  Attributes attributes;
  attributes.set("axis", static_cast<int64_t>(node.is("Conv") ? 1 : -1));
  IrValue* split_sizes = patch.add_constant(node.name + "_sizes", Tensor::from_i64(sizes));
  Node* split = patch.add_node(op("Split"), node.name + "_split", {product->output(), split_sizes},
                               static_cast<int>(siblings.size()), std::move(attributes), sources);
  for (size_t i = 0; i < siblings.size(); ++i) patch.replace(siblings[i]->output(), split->output(i));
  patch.describe(fmt::format("{} products of '{}'", siblings.size(), node.input(0)->name));
  return patch;
}

}  // namespace sinter::passes
