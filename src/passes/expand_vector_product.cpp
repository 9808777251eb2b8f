// expand_vector_product: a product with a vector is one of matrices, which is what kernels compute.
//
//   %y = MatMul(%v, %w)   →   %y = Squeeze(MatMul(Unsqueeze(%v, [0]), %w), [-2])     %v: f32[k]
//   %y = MatMul(%a, %v)   →   %y = Squeeze(MatMul(%a, Unsqueeze(%v, [1])), [-1])
//
// Exact: the same products are summed.
#include "passes/match.h"

namespace sinter::passes {

Outcome expand_vector_product(Graph& graph, Node& node) {
  if (!node.is("MatMul") || has_epilogue(node)) return NoMatch{};
  const auto *left = shape_of(node.input(0)), *right = shape_of(node.input(1));
  if (!left || !right || (left->size() != 1 && right->size() != 1)) return NoMatch{};
  Patch patch(graph, node);
  const auto with_axes = [&](std::string_view op_name, std::string_view what, IrValue* value, const std::vector<int64_t>& axes) {
    IrValue* constant = patch.add_constant(fmt::format("{}_{}_axes", node.name, what), Tensor::from_i64(axes));
    return patch.add_node(op(op_name), fmt::format("{}_{}", node.name, what), {value, constant}, 1, {}, {&node})->output();
  };
  std::vector<IrValue*> inputs = node.inputs;
  std::vector<int64_t> axes;  // of the result, that the vectors lack
  if (left->size() == 1) {
    inputs[0] = with_axes("Unsqueeze", "row", inputs[0], {0});
    axes.push_back(-2);
  }
  if (right->size() == 1) {
    inputs[1] = with_axes("Unsqueeze", "column", inputs[1], {1});
    axes.push_back(-1);
  }
  IrValue* product = patch.add_node(node.op, fmt::format("{}_product", node.name), inputs, 1, node.attributes, {&node})->output();
  patch.replace(node.output(), with_axes("Squeeze", "result", product, axes));
  return patch;
}

}  // namespace sinter::passes
