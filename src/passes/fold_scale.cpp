// fold_scale: arithmetic with a constant a channel behind a convolution or Gemm becomes part of its weights and bias.
//
//   %y = Mul(Conv(%x, %w, %b), %c)   →   %y = Conv(%x, %w·c, %b·c)
//   %y = Add(Conv(%x, %w), %c)       →   %y = Conv(%x, %w, c)
//
// Also Div and Sub by a constant, and Mul and Div behind a MatMul. Weights are computed in f64 and rounded once; results differ in
// the last bits.
#include "passes/dense.h"

namespace sinter::passes {
namespace fold_scale_impl {

// node = affine(dense), from the operator and its constant operand.
std::optional<ChannelAffine> affine_of(const Node& node, const std::vector<double>& constant, bool dense_first) {
  ChannelAffine affine{std::vector<double>(constant.size(), 1), std::vector<double>(constant.size(), 0)};
  for (size_t c = 0; c < constant.size(); ++c) {
    if (node.is("Mul")) affine.scale[c] = constant[c];
    if (node.is("Add")) affine.shift[c] = constant[c];
    if (node.is("Div")) affine.scale[c] = 1 / constant[c];
    if (node.is("Sub")) {
      affine.scale[c] = dense_first ? 1 : -1;
      affine.shift[c] = dense_first ? -constant[c] : constant[c];
    }
  }
  if (node.is("Div") && !dense_first) return std::nullopt;
  return affine;
}

}  // namespace fold_scale_impl

Outcome fold_scale(Graph& graph, Node& node) {
  using namespace fold_scale_impl;
  if (!(node.is("Mul") || node.is("Add") || node.is("Div") || node.is("Sub")) || node.inputs.size() != 2) return NoMatch{};
  for (size_t i = 0; i < 2; ++i) {
    const IrValue* result = node.inputs[i];
    const Tensor* constant = constant_of(node.inputs[1 - i]);
    const Node* dense = result->producer;
    if (!constant || !dense) continue;
    std::string reason;
    const auto weights = dense_weights(*dense, reason);
    if (!weights) {
      if (reason.empty()) return NoMatch{};
      return Declined{std::move(reason)};
    }
    const bool additive = node.is("Add") || node.is("Sub");
    if (additive && dense->is("MatMul")) return decline("a MatMul has no bias input; the sum becomes its epilogue");
    if (!used_once(result)) return decline("'{}' has {} uses", result->name, graph.use_count(result));
    if (!same_shape(result, node.output())) return decline("'{}' is broadcast", result->name);
    const auto values = per_channel(*constant, rank_of(result), weights->channel_axis, weights->channels);
    if (!values) return decline("the constant {} is not one number a channel", to_string(constant->dims()));
    const auto affine = affine_of(node, *values, i == 0);
    if (!affine) return decline("the product is a divisor");
    Patch patch(graph, node);
    patch.replace(node.output(), add_scaled(patch, *dense, *weights, *affine, node));
    patch.describe(fmt::format("{} into {} '{}'", node.op->name, dense->op->name, dense->name));
    return patch;
  }
  return NoMatch{};
}

}  // namespace sinter::passes
