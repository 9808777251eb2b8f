// Window: the sliding-window geometry that Conv, ConvTranspose and the pools share, from a problem's attributes.
#pragma once

#include "base/status.h"
#include "core/problem.h"

namespace sinter {

// One entry a spatial axis. Padding is explicit: auto_pad has been resolved.
struct Window {
  Dims kernel, stride, dilation, pad_begin, pad_end;
  int64_t groups = 1;
  int spatial_rank() const { return static_cast<int>(kernel.size()); }
};

// For op Conv, ConvTranspose, MaxPool, AveragePool, LpPool. `input` and `output` are concrete logical dims (n, c, spatial…); the
// kernel of convolutions is taken from `kernel_dims` (the spatial dims of the weights). For ConvTranspose pad_end is what makes the
// output as large as `output` says (output_padding included), and may be negative. For pools pad_end is enlarged for ceil_mode.
Result<Window> resolve_window(const Problem& problem, const Dims& input, const Dims& output, const Dims& kernel_dims = {});

}  // namespace sinter
