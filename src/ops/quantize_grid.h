// What QuantizeLinear and DequantizeLinear share: which scale (and zero point) belongs to which element.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// Granularity by the scale's shape: one element: per tensor; rank 1: per axis; the input's rank: blocks of block_size
// along the axis. scale index of element (outer, i, inner) of the axis view: outer·outer_stride + (i /
// block)·axis_stride + inner·inner_stride.
struct QuantizeGrid {
  int64_t outer = 1, length = 1, inner = 1;
  int64_t block = 1, outer_stride = 0, axis_stride = 0, inner_stride = 0;

  // fn(element, scale index) for every element.
  template <typename Fn>
  void for_each(Fn&& fn) const {
    int64_t element = 0;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < length; ++i)
        for (int64_t n = 0; n < inner; ++n)
          fn(element++, o * outer_stride + i / block * axis_stride + n * inner_stride);
  }
};

Status make_quantize_grid(const EvalContext& context, QuantizeGrid& grid);
// The shapes of scale and zero point against the input, as far as known.
Status check_quantize_shapes(const InferContext& context);

}  // namespace sinter::ops
