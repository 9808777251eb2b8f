// fold_batch_norm: a batch normalization becomes part of the weights before or behind it.
//
//   %y = BatchNormalization(Conv(%x, %w, %b), …)      →   %y = Conv(%x, %w·scale, %b·scale + shift)
//   %y = Conv(BatchNormalization(%x, …), %w, %b)      →   %y = Conv(%x, %w·scale, %b + Σ w·shift)     no padding
//
// Also ConvTranspose (the first form), Gemm and MatMul. With padding the second form would be wrong: padded zeros are not
// normalized. Weights are computed in f64 and rounded once; results differ in the last bits.
#include <algorithm>

#include "passes/dense.h"

namespace sinter::passes {
namespace fold_batch_norm_impl {

// "" when every output element of the product reads real inputs only.
std::string padding_objection(const Node& node) {
  if (node.is("ConvTranspose")) return "a ConvTranspose's border reads fewer inputs";
  if (node.is("Gemm") && node.attributes.i("transA") != 0) return "the Gemm transposes its input";
  if (!node.is("Conv")) return "";
  const std::string mode = node.attributes.s_or("auto_pad", "NOTSET");
  if (mode != "NOTSET" && mode != "VALID") return "padding";
  const auto pads = node.attributes.ints_or("pads", {});
  return std::any_of(pads.begin(), pads.end(), [](int64_t pad) { return pad != 0; }) ? "padding" : "";
}

Outcome into_next(Graph& graph, Node& norm, const ChannelAffine& affine) {
  Node* next = only_user(norm.output());
  if (!next) return decline("its input is no product, and '{}' has {} uses", norm.output()->name, graph.use_count(norm.output()));
  if (next->input(0) != norm.output()) return decline("neither its input nor its user is a product");
  std::string reason = padding_objection(*next);
  const auto weights = dense_weights(*next, reason);
  if (!weights) return decline("neither its input nor its user is a foldable product{}{}", reason.empty() ? "" : ": ", reason);
  if (!reason.empty()) return Declined{std::move(reason)};
  if ((next->is("Gemm") || next->is("MatMul")) && rank_of(norm.input(0)) != 2) return decline("the product's input is not 2-d");
  Patch patch(graph, *next);
  patch.replace(next->output(), add_prescaled(patch, *next, *weights, affine, norm.input(0), norm));
  patch.describe(fmt::format("into {} '{}' behind it", next->op->name, next->name));
  return patch;
}

}  // namespace fold_batch_norm_impl

Outcome fold_batch_norm(Graph& graph, Node& node) {
  using namespace fold_batch_norm_impl;
  if (!node.is("BatchNormalization") || has_epilogue(node)) return NoMatch{};
  std::string reason;
  const auto affine = batch_norm_affine(node, reason);
  if (!affine) return Declined{std::move(reason)};
  const Node* before = node.input(0)->producer;
  const auto weights = before ? dense_weights(*before, reason) : std::nullopt;
  if (!weights) return into_next(graph, node, *affine);
  if (!used_once(node.input(0))) return decline("'{}' has {} uses", node.input(0)->name, graph.use_count(node.input(0)));
  if (weights->channel_axis != 1) return decline("the product's last axis is no channel axis");
  if (static_cast<int64_t>(affine->scale.size()) != weights->channels) return decline("numbers of channels differ");
  Patch patch(graph, node);
  patch.replace(node.output(), add_scaled(patch, *before, *weights, *affine, node));
  patch.describe(fmt::format("into {} '{}'", before->op->name, before->name));
  return patch;
}

}  // namespace sinter::passes
