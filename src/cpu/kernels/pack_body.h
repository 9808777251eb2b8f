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

#if defined(__AVX512F__)

// Element (i, j) of the 16 x 16 block to (j, i): pairs, then fours, then the 128-bit parts.
inline void transpose_block(Vec (&r)[kPanel]) {
  Vec t[kPanel];
  for (int i = 0; i < kPanel; i += 2) {
    t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
  }
  const auto low = [](Vec a, Vec b) {
    return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  const auto high = [](Vec a, Vec b) {
    return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)));
  };
  for (int i = 0; i < kPanel; i += 4) {
    r[i] = low(t[i], t[i + 2]);
    r[i + 1] = high(t[i], t[i + 2]);
    r[i + 2] = low(t[i + 1], t[i + 3]);
    r[i + 3] = high(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < kPanel; i += 8) {
    for (int c = i; c < i + 4; ++c) {
      t[c] = _mm512_shuffle_f32x4(r[c], r[c + 4], 0x88);
      t[c + 4] = _mm512_shuffle_f32x4(r[c], r[c + 4], 0xdd);
    }
  }
  for (int c = 0; c < 8; ++c) {
    r[c] = _mm512_shuffle_f32x4(t[c], t[c + 8], 0x88);
    r[c + 8] = _mm512_shuffle_f32x4(t[c], t[c + 8], 0xdd);
  }
}

void pack_panel_transposed(const float* src, int64_t src_stride, int64_t k, int cols, float* dst) {
  for (int64_t i = 0; i < k; i += kPanel) {
    const int64_t steps = k - i < kPanel ? k - i : kPanel;
    const LaneMask mask = first_lanes(steps);
    Vec block[kPanel];
    for (int j = 0; j < kPanel; ++j) block[j] = j < cols ? load(src + j * src_stride + i, mask) : splat(0.0f);
    transpose_block(block);
    for (int64_t u = 0; u < steps; ++u) store(dst + (i + u) * kPanel, block[u]);
  }
}

#else

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

#endif

}  // namespace
}  // namespace sinter::cpu
