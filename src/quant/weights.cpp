// Quantization of weights (weights.h).
#include "quant/weights.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sinter::quant {

QuantizedWeights quantize_weights(const Tensor& weights, int axis) {
  constexpr float kMost = 127;
  const int64_t channels = weights.dim(axis), inner = product(weights.dims(), static_cast<size_t>(axis) + 1), count = weights.count();
  QuantizedWeights result{Tensor(DType::kI8, weights.dims()), Tensor(DType::kF32, {channels})};
  const float* from = weights.data<float>();
  float* scales = result.scales.data<float>();
  std::fill_n(scales, channels, 0.0f);
  const auto channel_of = [&](int64_t i) { return i / inner % channels; };
  for (int64_t i = 0; i < count; ++i) scales[channel_of(i)] = std::max(scales[channel_of(i)], std::abs(from[i]));
  // A largest weight that is denormal would give a scale of 0.
  for (int64_t c = 0; c < channels; ++c) scales[c] = scales[c] / kMost > 0 ? scales[c] / kMost : 1.0f;
  for (int64_t i = 0; i < count; ++i) {
    result.values.data<int8_t>()[i] = static_cast<int8_t>(std::clamp(std::nearbyint(from[i] / scales[channel_of(i)]), -kMost, kMost));
  }
  return result;
}

}  // namespace sinter::quant
