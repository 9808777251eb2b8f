// split_product_columns: a product whose columns are taken apart and moved to the front becomes one product for each part, in a batch (for GPUs).
//
//   Transpose<2,0,1,3>(Reshape(MatMul(%x: [b,s,k], %w: [k,3·e]) + %c, [b,s,3,e]))
//     →  Reshape(MatMul(Reshape(%x, [b·s,k]), %w': [3,k,e]) + %c': [3,1,e], [3,b,s,e])
//
// The parts lie one behind the other at once. Exact: every sum is the same.
#include <algorithm>

#include "passes/layout.h"

namespace sinter::passes {
namespace split_product_columns_impl {

constexpr int64_t kMostParts = 16;

// The axis of parts comes first but for dims of 1, the last axis stays.
bool moves_parts_to_front(const std::vector<int64_t>& perm, const Shape& shape) {
  const auto rank = static_cast<int64_t>(shape.size());
  if (rank < 3 || perm.back() != rank - 1) return false;
  for (const int64_t axis : perm) {
    if (axis == rank - 2) return true;
    if (!shape[static_cast<size_t>(axis)].is(1)) return false;
  }
  return false;
}

// Columns of [k, parts·e] as [parts, k, e].
std::optional<Tensor> stacked(const Tensor& weight, int64_t parts) {
  Attributes attributes;
  attributes.set("perm", std::vector<int64_t>{1, 0, 2});
  auto turned = compute(op("Transpose"), attributes, {weight.reshaped({weight.dim(0), parts, weight.dim(1) / parts})});
  return turned.ok() ? std::optional<Tensor>((*turned)[0]) : std::nullopt;
}

}  // namespace split_product_columns_impl

Outcome split_product_columns(Graph& graph, Node& node) {
  using namespace split_product_columns_impl;
  const auto* perm = perm_of(&node);
  const Node* view = perm ? node.input(0)->producer : nullptr;
  if (!is_view(view) || !used_once(node.input(0)) || !view->input(0) || !used_once(view->input(0))) return NoMatch{};
  const Node* add = producer(view->input(0), "Add");
  const IrValue* sum = view->input(0);
  const IrValue* bias = nullptr;
  if (add) {
    bias = constant_of(add->input(0)) ? add->input(0) : add->input(1);
    sum = other_input(*add, bias);
    if (!constant_of(bias) || !sum || !used_once(sum)) return NoMatch{};
  }
  const Node* product = producer(sum, "MatMul");
  const Tensor* weight = product ? constant_of(product->input(1)) : nullptr;
  const Shape *split = shape_of(node.input(0)), *rows = product ? shape_of(product->input(0)) : nullptr;
  if (!weight || weight->rank() != 2 || !split || !rows || rows->size() < 2 || !moves_parts_to_front(*perm, *split)) return NoMatch{};
  const size_t rank = split->size();
  const Dim &parts = (*split)[rank - 2], &width = (*split)[rank - 1];
  if (!parts.is_constant() || !width.is_constant() || parts.value() < 2 || parts.value() > kMostParts || parts.value() * width.value() != weight->dim(1)) {
    return decline("{} does not take the columns apart", to_string(*split));
  }
  const Tensor* own = bias ? constant_of(bias) : nullptr;
  if (own && (own->rank() < 1 || own->count() != weight->dim(1) || own->dims().back() != weight->dim(1))) return decline("the bias is no vector of the columns");
  const auto turned = stacked(*weight, parts.value());
  if (!turned) return decline("weights can't be taken apart");
  std::vector<const Node*> sources{product, view, &node};
  if (add) sources.push_back(add);
  const Dim count = sinter::product(Shape(rows->begin(), rows->end() - 1));
  Shape apart{parts};
  apart.insert(apart.end(), split->begin(), split->end() - 2);
  apart.push_back(width);
  std::vector<int64_t> order;
  for (const int64_t axis : *perm) order.push_back(axis == static_cast<int64_t>(rank) - 2 ? 0 : axis == static_cast<int64_t>(rank) - 1 ? axis : axis + 1);
  Patch patch(graph, node);
  IrValue* value = view_as(patch, product->name + "_rows", product->input(0), *rows, {count, rows->back()}, sources);
  if (!value) return decline("more than one dim depends on symbols");
  IrValue* weights = patch.add_constant(product->input(1)->name, *turned, {product->input(1)});
  value = patch.add_node(product->op, product->name, {value, weights}, 1, product->attributes, sources)->output();
  if (own) {
    IrValue* biases = patch.add_constant(bias->name, own->reshaped({parts.value(), 1, width.value()}), {bias});
    value = patch.add_node(add->op, add->name, {value, biases}, 1, add->attributes, sources)->output();
  }
  value = view_as(patch, node.name + "_apart", value, {parts, count, width}, apart, sources);
  if (!value) return decline("more than one dim depends on symbols");
  if (std::is_sorted(order.begin(), order.end()) && apart == *shape_of(view->output())) return decline("nothing moves");
  value = transposed(patch, node.name, value, order, sources);
  patch.replace(node.output(), value);
  return patch;
}

}  // namespace sinter::passes
