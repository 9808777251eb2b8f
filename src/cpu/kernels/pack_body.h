// Packing of 16-column panels (layout: kernel_table.h) from row-major matrices and their transposes. Included after a
// simd_*.h.
#pragma once

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

void pack_panel(const float* src, int64_t src_stride, int64_t k, int cols, float* dst) {
  for (int64_t i = 0; i < k; ++i) {
    for (int j = 0; j < kPanel; j += kLanes) {
      store(dst + i * kPanel + j, load(src + i * src_stride + j, first_lanes(cols - j)));
    }
  }
}

// Through blocks of 16 x 16 in the first-level cache: contiguous reads, contiguous writes.
void pack_panel_transposed(const float* src, int64_t src_stride, int64_t k, int cols, float* dst) {
  for (int64_t i = 0; i < k; i += kPanel) {
    const int64_t steps = k - i < kPanel ? k - i : kPanel;
    for (int j = 0; j < kPanel; ++j) {
      if (j >= cols) {
        for (int64_t u = 0; u < steps; ++u) dst[(i + u) * kPanel + j] = 0.0f;
      } else {
        const float* from = src + j * src_stride + i;
        for (int64_t u = 0; u < steps; ++u) dst[(i + u) * kPanel + j] = from[u];
      }
    }
  }
}

}  // namespace
}  // namespace sinter::cpu
