// Depthwise convolution, channels last: every channel with its own filter, an epilogue as dense.cu's. f32 sums for every type.
//
// A thread makes OX neighbouring pixels of one output row for eight channels, sliding over the input row in registers.
// Compile-time names: TYPE OUT WHOLE (channels are a multiple of 8) TAPS_R TAPS_S STRIDE_X DILATION_X OX, and "generated.h" as for dense.cu.
// Parameters as for a convolution there (dense_params.h), with: b = weights [r][s][channel], n = channels, b_row = n, m = threads along all
// pixels (images * rows_y * segments of a row), by_x divides by the segments, by_image by rows_y * segments, taps_s = segments,
// by_channels by the chunks of eight channels.
#include "device.h"
#include "dense_params.h"
using namespace sinter_kernels;
#ifndef TYPE
#define TYPE f16
#define OUT f16
#define WHOLE 1
#define TAPS_R 3
#define TAPS_S 3
#define STRIDE_X 1
#define DILATION_X 1
#define OX 4
#endif
#include "dense_operand.h"
#include "generated.h"

constexpr int kThreads = 128;
constexpr int kSpan = (OX - 1) * STRIDE_X + (TAPS_S - 1) * DILATION_X + 1;  // input pixels of a row under OX outputs

SINTER_DEVICE void add_row(const DenseParams& p, const TYPE* row, const TYPE* weights, int x0, int count, f32 (&sums)[OX][8]) {
  f32 w[TAPS_S][8];
#pragma unroll
  for (int s = 0; s < TAPS_S; ++s) load_eight<TYPE, WHOLE>(weights + s * p.n, count, w[s]);
#pragma unroll
  for (int i = 0; i < kSpan; ++i) {
    f32 x[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    if ((u32)(x0 + i) < (u32)p.width) load_eight<TYPE, WHOLE>(row + i * p.a_s, count, x);
#pragma unroll
    for (int o = 0; o < OX; ++o) {
      const int reach = i - o * STRIDE_X;
      if (reach < 0 || reach % DILATION_X != 0 || reach / DILATION_X >= TAPS_S) continue;
      // Taps beyond the image are left out, so that an infinite weight there does no harm.
      if ((u32)(x0 + i) >= (u32)p.width) continue;
#pragma unroll
      for (int e = 0; e < 8; ++e) sums[o][e] = fmaf(x[e], w[reach / DILATION_X][e], sums[o][e]);
    }
  }
}

SINTER_KERNEL(depthwise, kThreads, (const DenseParams p)) {
  const i64 thread = (i64)block_x() * kThreads + thread_x();
  const int chunks = (p.n + 7) / 8, segment_of_all = divide((int)thread, p.by_channels);
  if (segment_of_all >= p.m) return;
  Place place;
  place.outer = place.inner = 0;
  place.column = ((int)thread - segment_of_all * chunks) * 8;
  place.count = WHOLE || p.n - place.column > 8 ? 8 : p.n - place.column;
  const int image = divide(segment_of_all, p.by_image), in_image = segment_of_all - image * (p.rows_y * p.taps_s);
  const int y = divide(in_image, p.by_x), x = (in_image - y * p.taps_s) * OX;
  const int y0 = y * p.y_step + p.y_origin, x0 = x * STRIDE_X + p.x_origin;
  const TYPE* from = (const TYPE*)p.a + p.a_origin + image * p.a_image + y * p.a_y + x * p.a_x + place.column;
  const TYPE* weights = (const TYPE*)p.b + place.column;

  f32 sums[OX][8];
#pragma unroll
  for (int o = 0; o < OX; ++o)
    for (int e = 0; e < 8; ++e) sums[o][e] = 0;
#pragma unroll
  for (int r = 0; r < TAPS_R; ++r) {
    if ((u32)(y0 + r * p.y_tap) < (u32)p.height) add_row(p, from + r * p.a_r, weights + r * TAPS_S * p.n, x0, place.count, sums);
  }
#pragma unroll
  for (int o = 0; o < OX; ++o) {
    if (x + o >= p.rows_x) break;
    place.row = (image * p.rows_y + y) * p.rows_x + x + o;
    place.offset = image * p.c_image + y * p.c_y + (x + o) * p.c_x + place.column;
#ifdef SINTER_EPILOGUE
    epilogue(p, place, sums[o]);
#endif
    store_eight<OUT>((OUT*)p.c + place.offset, sums[o], place.count);
  }
}
