// A convolution written in one line, for the tests of all kernels that compute one.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cpu/kernels/conv.h"

namespace sinter::cpu {

struct ConvCase {
  int64_t batch, channels, out_channels, h, w, kh, kw, stride = 1, pad = 0, dilation = 1, groups = 1;
};

// Its shape in memory, pixels standing `src_gap` and `dst_gap` elements apart.
inline ConvShape shape_of(const ConvCase& t, int64_t src_gap, int64_t dst_gap) {
  ConvShape s;
  s.batch = t.batch, s.channels = t.channels, s.out_channels = t.out_channels, s.h = t.h, s.w = t.w, s.kh = t.kh, s.kw = t.kw;
  s.stride_h = s.stride_w = t.stride, s.pad_top = s.pad_left = t.pad, s.dilation_h = s.dilation_w = t.dilation, s.groups = t.groups;
  s.oh = std::max<int64_t>((t.h + 2 * t.pad - (t.kh - 1) * t.dilation - 1) / t.stride + 1, 0);
  s.ow = std::max<int64_t>((t.w + 2 * t.pad - (t.kw - 1) * t.dilation - 1) / t.stride + 1, 0);
  s.src_pixel_stride = t.channels + src_gap, s.dst_pixel_stride = t.out_channels + dst_gap;
  return s;
}

}  // namespace sinter::cpu
