// A Conv or ConvTranspose problem as the parameters of the dense kernels. Images are channels last; 1-d ones have
// height 1.
#pragma once

#include <span>

#include "core/window.h"
#include "cuda/dense_launch.h"

namespace sinter::cuda {

struct ConvShape {
  int64_t batch = 1, channels = 1, out_channels = 1, groups = 1;
  int64_t h = 1, w = 1, oh = 1, ow = 1, kh = 1, kw = 1;
  int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;
  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return out_channels / groups; }
};
Result<ConvShape> conv_shape(const Problem& problem, const Dims& input, const Dims& weights, const Dims& output);

// Why no convolution kernel of this folder can take the problem, "" when one may: ranks, constant weights.
std::string conv_unsuitable(const Problem& problem);
// The operator's bias input, -1 when it has none.
int conv_bias_input(const Problem& problem);
// Axes of a channels-last image of this rank, for DenseEpilogue.
EpilogueForm conv_epilogue_form(const Problem& problem);

// a, b and c of a convolution: geometry only, no pointers, no tile. `element`: bytes.
Result<sinter_kernels::DenseParams> conv_params(const ConvShape& shape, int element);
// The same for a row-major image of which every row under a filter is read in one run (all taps inside, no dilation along x): taps are
// (channel, r), their elements s.
Result<sinter_kernels::DenseParams> patch_params(const ConvShape& shape, int element);

// An offer with channels-last images and weights packed as blob 0; the second: and the epilogue's operands.
Offer conv_offer(const Problem& problem, std::string config);
Offer conv_offer(const Problem& problem, const DenseEpilogue& epilogue, std::string config);

// Blob 0 is what prepare made: the type, and that many elements. `made`: blobs of prepare.
Status check_packed(std::string_view tactic, std::span<const Tensor> blobs, DType dtype, int64_t elements, size_t made = 1);

}  // namespace sinter::cuda
