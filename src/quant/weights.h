// Weights as whole numbers: symmetric, one scale an output channel.
#pragma once

#include "core/tensor.h"

namespace sinter::quant {

struct QuantizedWeights {
  Tensor values;  // i8, the weights' dims
  Tensor scales;  // f32 [channels]
};
// scale = max|w| / 127 of the channel (1 where all are zero); values round to nearest, halves to even, and stay within ±127.
// The weights are finite f32; `axis` is that of the output channels.
QuantizedWeights quantize_weights(const Tensor& weights, int axis);

}  // namespace sinter::quant
