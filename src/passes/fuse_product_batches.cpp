// fuse_product_batches: products of one input with constant weights of one shape become a batch of products (for GPUs).
//
//   %a = MatMul(%x: [b,s,k], %w1: [k,e]) + %c1   %b = MatMul(%x, %w2) + %c2
//     →  %ab = MatMul(Reshape(%x, [b·s,k]), w1|w2: [2,k,e]) + c1|c2: [2,1,e]   %a = Reshape(%ab[0])   %b = Reshape(%ab[1])
//
// Unlike fuse_sibling_products' columns side by side, the parts of a batch are views for any rows. Exact: every sum is the same.
#include <algorithm>

#include "passes/layout.h"

namespace sinter::passes {
namespace fuse_product_batches_impl {

constexpr size_t kMostParts = 16;

struct Part {
  const Node* product = nullptr;
  const Node* add = nullptr;  // of the bias, may be null
  const IrValue* bias = nullptr;
  IrValue* result() const { return add ? add->output() : product->output(); }
};

Part part_of(const Node& node) {
  Part part{&node};
  const Node* user = only_user(node.output());
  if (!user || !user->is("Add") || has_epilogue(*user)) return part;
  const IrValue* bias = other_input(*user, node.output());
  const Tensor* constant = bias ? constant_of(bias) : nullptr;
  if (!constant || constant->rank() != 1 || constant->dim(0) != constant_of(node.input(1))->dim(1)) return part;
  part.add = user;
  part.bias = bias;
  return part;
}

bool is_plain(const Node& node) {
  const Tensor* weight = node.is("MatMul") && !has_epilogue(node) ? constant_of(node.input(1)) : nullptr;
  return weight && weight->rank() == 2 && contains(kFloatTypes, weight->dtype());
}

// Constants of one shape, one behind the other, each as `dims`.
std::optional<Tensor> stacked(const std::vector<const IrValue*>& values, const Dims& dims) {
  std::vector<Tensor> tensors;
  for (const IrValue* value : values) tensors.push_back(constant_of(value)->reshaped(dims));
  Attributes attributes;
  attributes.set("axis", int64_t{0});
  auto joined = compute(op("Concat"), attributes, tensors);
  return joined.ok() ? std::optional<Tensor>((*joined)[0]) : std::nullopt;
}

}  // namespace fuse_product_batches_impl

Outcome fuse_product_batches(Graph& graph, Node& node) {
  using namespace fuse_product_batches_impl;
  if (!is_plain(node)) return NoMatch{};
  const Shape* rows = shape_of(node.input(0));
  const Tensor& weight = *constant_of(node.input(1));
  if (!rows || rows->size() < 2) return NoMatch{};
  std::vector<Part> parts;
  for (Node* user : graph.users(node.input(0))) {
    if (user->input(0) != node.input(0) || !is_plain(*user)) continue;
    const Tensor& other = *constant_of(user->input(1));
    if (other.dims() != weight.dims() || other.dtype() != weight.dtype()) continue;
    parts.push_back(part_of(*user));
  }
  if (parts.size() < 2 || parts.front().product != &node) return NoMatch{};
  if (parts.size() > kMostParts) return decline("{} products", parts.size());
  const bool biased = parts.front().add != nullptr;
  if (std::any_of(parts.begin(), parts.end(), [&](const Part& part) { return (part.add != nullptr) != biased; })) return decline("not all have a bias");
  std::vector<const Node*> sources;
  std::vector<const IrValue*> weights, biases;
  for (const Part& part : parts) {
    sources.push_back(part.product);
    weights.push_back(part.product->input(1));
    if (biased) sources.push_back(part.add);
    if (biased) biases.push_back(part.bias);
  }
  const int64_t width = weight.dim(1);
  const auto matrix = stacked(weights, {1, weight.dim(0), width});
  const auto bias = biased ? stacked(biases, {1, 1, width}) : std::nullopt;
  if (!matrix || (biased && !bias)) return decline("weights or biases can't be joined");
  const Dim count = sinter::product(Shape(rows->begin(), rows->end() - 1));
  Patch patch(graph, node);
  IrValue* value = view_as(patch, node.name + "_rows", node.input(0), *rows, {count, rows->back()}, sources);
  if (!value) return decline("more than one dim depends on symbols");
  value = patch.add_node(node.op, node.name, {value, patch.add_constant(node.input(1)->name, *matrix, weights)}, 1, node.attributes, sources)->output();
  if (biased) {
    IrValue* stack = patch.add_constant(biases.front()->name, *bias, biases);
    value = patch.add_node(op("Add"), parts.front().add->name, {value, stack}, 1, {}, sources)->output();
  }
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string name = fmt::format("{}_part{}", node.name, i);
    const auto number = [&](const char* what, int64_t n) { return patch.add_constant(fmt::format("{}_{}", name, what), Tensor::from_i64({n})); };
    const auto at = static_cast<int64_t>(i);
    std::vector<IrValue*> inputs{value, number("start", at), number("end", at + 1), number("axis", 0)};
    IrValue* part = patch.add_node(op("Slice"), name, inputs, 1, {}, sources)->output();
    part = view_as(patch, name + "_view", part, {Dim(1), count, Dim(width)}, *shape_of(parts[i].result()), sources);
    if (!part) return decline("more than one dim depends on symbols");
    patch.replace(parts[i].result(), part);
  }
  patch.describe(fmt::format("{} products of '{}'", parts.size(), node.input(0)->name));
  return patch;
}

}  // namespace sinter::passes
