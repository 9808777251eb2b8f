// Sliding windows: the attributes and the geometry that convolutions and pools share. Spatial axes are all but the
// first two.
#pragma once

#include <functional>

#include "core/op_def.h"

namespace sinter::ops {

struct SlidingWindow {
  enum class AutoPad { kNotSet, kSameUpper, kSameLower, kValid };
  AutoPad auto_pad = AutoPad::kNotSet;
  bool ceil_mode = false;
  Shape kernel;               // one a spatial axis
  Dims strides, dilations;    // at least 1
  Dims pads_begin, pads_end;  // zeros until resolve_pads() for the SAME modes

  int rank() const { return static_cast<int>(kernel.size()); }
  // Extent of the dilated kernel.
  Dim extent(int axis) const { return (kernel[axis] - 1) * Dim(dilations[axis]) + 1; }
};

// Reads auto_pad, ceil_mode, kernel_shape, strides, dilations, pads. `weights`: the kernel's dims as a weight tensor
// has them, used when kernel_shape is absent and checked against it otherwise; null for pools.
Result<SlidingWindow> read_window(const Attributes& attributes, int spatial, const Shape* weights);

// Number of windows along the axis.
Dim window_count(const SlidingWindow& window, int axis, const Dim& input);
// Output sizes of all spatial axes of `input` (a whole shape, N and C included); an error when the kernel does not fit.
Result<Shape> window_counts(const SlidingWindow& window, const Shape& input);
// Sets the pads of the SAME modes for these input dims (N and C included).
void resolve_pads(SlidingWindow& window, const Dims& input);

// For every output position (row-major) the input offsets inside a plane that its window touches, in kernel order;
// padding is left out. `taps` gives the kernel position of each.
struct WindowTaps {
  std::vector<int64_t> begin;     // positions + 1 entries
  std::vector<int64_t> offsets;   // into the plane
  std::vector<int64_t> included;  // a position's taps that lie in input or padding (not beyond it, as ceil_mode may)
};
WindowTaps window_taps(const SlidingWindow& window, const Dims& input, const Dims& output);

// Shape rule of pools: [N, C, windows…]; `outputs` of them get that shape, the second as i64.
Status infer_pool(InferContext& context);
// Reads a pool's input and window: window resolved, output dims checked.
Status prepare_pool(const EvalContext& context, SlidingWindow& window, Dims& output);
// output 0 = reduce(plane, tap offsets, their number, included taps) for every plane and position, in double.
using PoolFn = std::function<double(const double* plane, const int64_t* offsets, int64_t count, int64_t included)>;
Status evaluate_pool(EvalContext& context, const PoolFn& reduce);
// Global pools: [N, C, 1…]; reduce(plane, count).
Status infer_global_pool(InferContext& context);
Status evaluate_global_pool(EvalContext& context,
                            const std::function<double(const double* plane, int64_t count)>& reduce);

}  // namespace sinter::ops
