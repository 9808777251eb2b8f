// Pieces of the normalizations: statistics of contiguous groups, and scale and shift. All in double.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

struct Moments {
  double mean = 0, variance = 0;  // population variance, by two passes
};
Moments moments(const double* values, int64_t count);

// x[group] = (x - mean)/sqrt(variance + epsilon) for consecutive groups of `count` elements.
void standardize_groups(Tensor& wide, int64_t count, double epsilon);
// wide = wide·scale + bias, both broadcast to it (inputs of the context); bias_input -1: none.
Status scale_and_shift(const EvalContext& context, Tensor& wide, int scale_input, int bias_input);
// The same with vectors of one value a channel (axis 1).
Status scale_channels(const EvalContext& context, Tensor& wide, int scale_input, int bias_input);
// A private copy as f64.
inline Tensor widened_copy(const Tensor& tensor) {
  return tensor.dtype() == DType::kF64 ? tensor.clone() : tensor.cast(DType::kF64);
}

}  // namespace sinter::ops
