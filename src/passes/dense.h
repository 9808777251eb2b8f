// Convolutions and matrix products with constant weights, and what may be folded into these. Shared by fold_batch_norm, fold_scale.
#pragma once

#include "passes/match.h"

namespace sinter::passes {

// y[…, c, …] = scale[c] * x[…, c, …] + shift[c]
struct ChannelAffine {
  std::vector<double> scale, shift;
};

// The constants of a BatchNormalization in inference; a reason when there are none.
std::optional<ChannelAffine> batch_norm_affine(const Node& node, std::string& reason);
// A constant's value for each of `channels` channels of `axis`, when it broadcasts along all other axes of `rank`.
std::optional<std::vector<double>> per_channel(const Tensor& tensor, int rank, int axis, int64_t channels);

// What a node computes its output channels from.
struct DenseWeights {
  const Tensor* weight = nullptr;
  const Tensor* bias = nullptr;    // null: none
  int channel_axis = 1;            // of the output
  int64_t channels = 0;            // output channels
};
// Conv, ConvTranspose, Gemm or MatMul (2-d weight) with constant weight and bias and no epilogue. nullopt and a reason otherwise.
std::optional<DenseWeights> dense_weights(const Node& node, std::string& reason);
// The node that computes affine(node(x)); a MatMul gets an Add behind it when there is a shift. Its result is what to use instead.
IrValue* add_scaled(Patch& patch, const Node& node, const DenseWeights& weights, const ChannelAffine& affine, const Node& source);
// The node that computes node(affine(x)), x being `input`; only where every output element reads no padding.
IrValue* add_prescaled(Patch& patch, const Node& node, const DenseWeights& weights, const ChannelAffine& affine, IrValue* input,
                       const Node& source);

}  // namespace sinter::passes
