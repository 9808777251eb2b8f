// sink_transpose_product: a transpose of the rows of a matrix product with a constant moves behind it, where it meets another transpose.
//
//   MatMul(Transpose<1,0,2>(%x: [b,s,k]), %w: [k,n])  →  Transpose<1,0,2>(MatMul(%x, %w))
//
// For MatMul and Gemm, also with a view between that joins axes: those that become k are put in place before the product, the others' order
// waits until after it. Only where a Transpose follows (views and work with constants between). Exact.
#include <algorithm>

#include "passes/layout.h"

namespace sinter::passes {
namespace sink_transpose_product_impl {

bool is_row_product(const Node& node) {
  if ((!node.is("MatMul") && !node.is("Gemm")) || has_epilogue(node) || node.outputs.size() != 1) return false;
  const Tensor* weight = constant_of(node.input(1));
  if (!weight || weight->rank() != 2 || rank_of(node.input(0)) < 2) return false;
  if (node.is("MatMul")) return true;
  const Tensor* bias = constant_of(node.input(2));
  return node.attributes.i_or("transA", 0) == 0 && (!node.input(2) || (bias && bias->rank() <= 1));
}

// The last axes of `shape` whose product is `k`; 0: there are none.
size_t axes_of(const Shape& shape, int64_t k) {
  int64_t product = 1;
  for (size_t count = 1; count < shape.size(); ++count) {
    const Dim& dim = shape[shape.size() - count];
    if (!dim.is_constant()) return 0;
    product *= dim.value();
    if (product == k) return count;
    if (product > k) return 0;
  }
  return 0;
}

}  // namespace sink_transpose_product_impl

Outcome sink_transpose_product(Graph& graph, Node& node) {
  using namespace sink_transpose_product_impl;
  if (!is_row_product(node) || !used_once(node.input(0))) return NoMatch{};
  const Node* view = is_view(node.input(0)->producer) ? node.input(0)->producer : nullptr;
  const IrValue* turned = view ? view->input(0) : node.input(0);
  const Node* first = turned ? turned->producer : nullptr;
  const auto* perm = perm_of(first);
  if (!perm || !used_once(turned)) return NoMatch{};
  const Shape *from = shape_of(first->input(0)), *middle = shape_of(turned), *rows = shape_of(node.input(0)), *to = shape_of(node.output());
  if (!from || !middle || !rows || !to || !rows->back().is_constant() || !to->back().is_constant()) return decline("a shape of unknown rank or width");
  const size_t count = axes_of(*middle, rows->back().value());
  if (count == 0) return decline("{} has no axes that become {}", to_string(*middle), to_string(*rows));
  const std::vector<int64_t> lead(perm->begin(), perm->end() - static_cast<std::ptrdiff_t>(count));
  std::vector<int64_t> sorted = lead;
  std::sort(sorted.begin(), sorted.end());
  if (sorted == lead) return NoMatch{};
  if (!meets_transpose(node.output())) return decline("no transpose follows");
  // The input with only its last axes in place, then the product, then the rows' order.
  std::vector<int64_t> place = sorted, order;
  place.insert(place.end(), perm->end() - static_cast<std::ptrdiff_t>(count), perm->end());
  Shape placed, product, result, ordered;
  for (const int64_t axis : place) placed.push_back((*from)[static_cast<size_t>(axis)]);
  for (const int64_t axis : sorted) result.push_back((*from)[static_cast<size_t>(axis)]);
  product = node.is("Gemm") ? Shape{sinter::product(result)} : result;
  Shape input = product, made = product;
  input.push_back(rows->back());
  made.push_back(to->back());
  result.push_back(to->back());
  for (const int64_t axis : lead) {
    order.push_back(std::find(sorted.begin(), sorted.end(), axis) - sorted.begin());
    ordered.push_back((*from)[static_cast<size_t>(axis)]);
  }
  order.push_back(static_cast<int64_t>(lead.size()));
  ordered.push_back(to->back());
  std::vector<const Node*> sources{first, &node};
  if (view) sources.push_back(view);
  Patch patch(graph, node);
  IrValue* value = transposed(patch, first->name, first->input(0), place, sources);
  value = view_as(patch, node.name + "_rows", value, placed, input, sources);
  if (!value) return decline("more than one dim depends on symbols");
  std::vector<IrValue*> inputs(node.inputs.begin(), node.inputs.end());
  inputs[0] = value;
  value = patch.add_node(node.op, node.name, inputs, 1, node.attributes, sources)->output();
  value = view_as(patch, node.name + "_unfold", value, made, result, sources);
  if (value) value = transposed(patch, node.name + "_transpose", value, order, sources);
  if (value) value = view_as(patch, node.name + "_fold", value, ordered, *to, sources);
  if (!value) return decline("more than one dim depends on symbols");
  patch.replace(node.output(), value);
  return patch;
}

}  // namespace sinter::passes
