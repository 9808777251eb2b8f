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

}  // namespace sinter::cpu
