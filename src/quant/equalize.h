// Equalization: scales of channels move from activations into the weights that read them, so that one scale a tensor serves all its channels.
//
// The network stays the same function. Where only homogeneous operators (Relu, pooling, sums, Concat, …) lie between what makes a channel and the dense
// layers that read it, its scale goes into the weights on both sides (Nagel et al. 2019); gains and biases of a LayerNormalization are such weights
// too (Xiao et al. 2022, SmoothQuant). Weights have one scale an output channel, so only what a column of weights gains in size against its rows costs anything:
// channels that are read by depthwise convolutions alone get the whole range each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace sinter::quant {

// Largest |x| of each channel of values that dense layers read, by the value's name: channels of axis 1 for convolutions, of the last axis for products.
using ChannelPeaks = std::map<std::string, std::vector<float>, std::less<>>;

struct EqualizeOptions {
  // How much of a channel's deviation the weights take over: s = (peak / largest peak)^alpha / (weight / largest weight)^(1 - alpha).
  double alpha = 0.5;
  // Where something else is between (a Sigmoid's product, a residual that normalization reads), a multiplication of its own before the quantization.
  bool explicit_scales = false;
};

struct EqualizeReport {
  int64_t layers = 0;       // dense layers whose input is scaled
  int64_t channels = 0;     // of their inputs, with a scale other than 1
  int64_t explicit_layers = 0;  // of the layers, by a multiplication of its own
};

// Values that are scaled get this behind each of their ONNX names: they are no longer what the model calls so.
constexpr std::string_view kEqualizedMark = "@equalized";

// Of the main graph of an optimised f32 model whose elementwise operators are not fused yet (passes::run_pipeline without the groups pointwise, fuse and
// merge). A Clip's upper bound becomes one of each channel: a channel that the samples leave below the bound is bounded at 1.1 times its peak or above.
Result<EqualizeReport> equalize(ir::Graph& graph, const ChannelPeaks& peaks, const EqualizeOptions& options = {});

}  // namespace sinter::quant
