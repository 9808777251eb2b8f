// A Conv problem as the kernels' ConvShape.
#pragma once

#include <span>

#include "core/window.h"
#include "cpu/kernels/conv.h"
#include "tactic/tactic.h"

namespace sinter::cpu {

// Concrete dims; 1-D convolutions become images of height 1. Errors for ranks other than 3 and 4.
Result<ConvShape> conv_shape(const Problem& problem, const Dims& input, const Dims& weights, const Dims& output);
Result<ConvShape> conv_shape_at_optimum(const Problem& problem);

// Why no f32 convolution kernel of this folder can take the problem ("" when one may).
std::string conv_unsuitable(const Problem& problem);

// The operator's own bias input, -1 when it has none.
int conv_bias_input(const Problem& problem);

// Weights, and the bias when it is packed, as blobs 0 and 1.
template <typename Pack>
std::vector<Tensor> pack_conv(const Offer& offer, int bias_input, std::span<const Tensor> constants, int64_t floats, Pack&& pack) {
  std::vector<Tensor> blobs{Tensor(DType::kF32, {floats})};
  pack(constants[1].data<float>(), blobs[0].data<float>());
  if (bias_input >= 0 && offer.packed_inputs[static_cast<size_t>(bias_input)]) {
    const Tensor& bias = constants[static_cast<size_t>(bias_input)];
    blobs.push_back(bias.reshaped({bias.count()}));
  }
  return blobs;
}

}  // namespace sinter::cpu
