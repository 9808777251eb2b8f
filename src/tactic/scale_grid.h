// Which scale of a QuantizeLinear or DequantizeLinear belongs to which element, for one scale in all, one for each place along an axis, or one
// for each block along it (ONNX's per-tensor, per-axis and blocked quantization).
#pragma once

#include "base/status.h"
#include "core/problem.h"

namespace sinter {

// The scale of an element is number outer * outer_step + (place along the axis / block) * step + inner * inner_step. Kernels on a device have a
// struct of the same members in the same order (cuda/kernels/quantize.cu).
struct ScaleGrid {
  int64_t count = 0;  // elements
  int64_t inner = 1, size = 1, block = 1;  // elements within a place of the axis, places, places that share a scale
  int64_t outer_step = 0, step = 0, inner_step = 0;
  bool single() const { return step == 0; }
};

// `x` and `scale`: concrete dims of the problem's inputs 0 and 1. Unsupported when the scales do not fit.
Result<ScaleGrid> resolve_scale_grid(const Problem& problem, const Dims& x, const Dims& scale);

}  // namespace sinter
