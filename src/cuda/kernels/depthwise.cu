// Depthwise convolution, channels last: every channel with its own filter, an epilogue as dense.cu's. f32 sums for every type: those of
// 8-bit integers (INTEGERS) are exact, their weights are f16 less their zero points.
//
// A thread makes OX x OY neighbouring pixels of eight channels: every input vector under them is read once.
// Compile-time names: TYPE (of weights) FROM (of images) OUT WHOLE (channels are a multiple of 8) TAPS_R TAPS_S STRIDE_Y STRIDE_X DILATION_Y DILATION_X OX OY BLOCKS, and
// "generated.h" as for dense.cu.
// Parameters as for a convolution there (dense_params.h), with: b = weights [r][s][channel], n = channels, b_row = n, m = pieces of
// OX x OY pixels (images * bands * segments), by_x divides by the segments of a row, by_image by bands * segments, taps_s = segments,
// taps_r = bands of rows, by_channels by the chunks of eight channels.
#include "device.h"
#include "dense_params.h"
using namespace sinter_kernels;
#ifndef TYPE
#define TYPE f16
#define FROM f16
#define OUT f16
#define WHOLE 1
#define TAPS_R 3
#define TAPS_S 3
#define STRIDE_Y 1
#define STRIDE_X 1
#define DILATION_Y 1
#define DILATION_X 1
#define OX 2
#define OY 2
#define BLOCKS 3
#endif
#include "dense_operand.h"
#define A_ZERO 0
#define SINTER_EXACT_SUMS 1
#include "dense_integer.h"
#include "generated.h"
#include "dense_finish.h"

constexpr int kThreads = 128;
// Input pixels under a piece.
constexpr int kSpanX = (OX - 1) * STRIDE_X + (TAPS_S - 1) * DILATION_X + 1;
constexpr int kSpanY = (OY - 1) * STRIDE_Y + (TAPS_R - 1) * DILATION_Y + 1;
// Small filters stay in registers; the rows of larger ones are read where they are used.
constexpr bool kKeep = TAPS_R * TAPS_S <= 9;

SINTER_DEVICE void load_taps(const DenseParams& p, const TYPE* weights, int r, int count, f32 (&w)[TAPS_S][8]) {
#pragma unroll
  for (int s = 0; s < TAPS_S; ++s) load_eight<TYPE, WHOLE>(weights + (r * TAPS_S + s) * p.n, count, w[s]);
}

// The row of filter taps that input row i is under for output row o, -1: none.
SINTER_DEVICE constexpr int tap_of(int i, int o, int stride, int dilation, int taps) {
  const int reach = i - o * stride;
  return reach >= 0 && reach % dilation == 0 && reach / dilation < taps ? reach / dilation : -1;
}

SINTER_DEVICE void add_row(const f32 (&x)[kSpanX][8], const f32 (&w)[TAPS_S][8], f32 (&sums)[OX][8]) {
#pragma unroll
  for (int i = 0; i < kSpanX; ++i) {
#pragma unroll
    for (int o = 0; o < OX; ++o) {
      const int s = tap_of(i, o, STRIDE_X, DILATION_X, TAPS_S);
      if (s < 0) continue;
#pragma unroll
      for (int e = 0; e < 8; ++e) sums[o][e] = fmaf(x[i][e], w[s][e], sums[o][e]);
    }
  }
}

// BLOCKS of them fit a processor: loads that wait are hidden by other warps rather than by more registers.
SINTER_KERNEL_BLOCKS(depthwise, kThreads, BLOCKS, (const DenseParams p)) {
  after_previous();
  const i64 thread = (i64)block_x() * kThreads + thread_x();
  const int chunks = (p.n + 7) / 8, piece = divide((int)thread, p.by_channels);
  if (piece >= p.m) return;
  Place place;
  place.outer = place.inner = 0;
  place.column = ((int)thread - piece * chunks) * 8;
  place.count = WHOLE || p.n - place.column > 8 ? 8 : p.n - place.column;
  const int image = divide(piece, p.by_image), in_image = piece - image * (p.taps_r * p.taps_s);
  const int band = divide(in_image, p.by_x), y = band * OY, x = (in_image - band * p.taps_s) * OX;
  const int y0 = y * STRIDE_Y + p.y_origin, x0 = x * STRIDE_X + p.x_origin;
  const FROM* from = (const FROM*)p.a + image * p.a_image + place.column;
  const TYPE* weights = (const TYPE*)p.b + place.column;

  const f32 zero = image_zero(p);
  f32 sums[OY][OX][8], kept[kKeep ? TAPS_R : 1][TAPS_S][8];
#pragma unroll
  for (int r = 0; kKeep && r < TAPS_R; ++r) load_taps(p, weights, r, place.count, kept[r]);
#pragma unroll
  for (int o = 0; o < OY * OX; ++o)
    for (int e = 0; e < 8; ++e) sums[o / OX][o % OX][e] = 0;
#pragma unroll
  for (int i = 0; i < kSpanY; ++i) {
    bool used = false;
#pragma unroll
    for (int o = 0; o < OY; ++o) used |= tap_of(i, o, STRIDE_Y, DILATION_Y, TAPS_R) >= 0;
    if (!used) continue;
    const bool row_inside = (u32)(y0 + i) < (u32)p.height;
    const FROM* row = from + ((i64)(y0 + i) * p.width + x0) * p.a_s;
    f32 line[kSpanX][8];
#pragma unroll
    for (int j = 0; j < kSpanX; ++j) {
#pragma unroll
      for (int e = 0; e < 8; ++e) line[j][e] = 0;
      if (!row_inside || (u32)(x0 + j) >= (u32)p.width) continue;
      load_eight<FROM, WHOLE>(row + j * p.a_s, place.count, line[j]);
#pragma unroll
      for (int e = 0; FILL && e < 8; ++e) line[j][e] -= zero;
    }
#pragma unroll
    for (int o = 0; o < OY; ++o) {
      const int r = tap_of(i, o, STRIDE_Y, DILATION_Y, TAPS_R);
      if (r < 0) continue;
      if constexpr (kKeep) {
        add_row(line, kept[r], sums[o]);
      } else {
        f32 w[TAPS_S][8];
        load_taps(p, weights, r, place.count, w);
        add_row(line, w, sums[o]);
      }
    }
  }
  const auto locate = [&](int oy, int ox) {
    Place at = place;
    at.exists = y + oy < p.rows_y && x + ox < p.rows_x;
    const int row = y + oy < p.rows_y ? y + oy : y, column = x + ox < p.rows_x ? x + ox : x;
    at.row = (image * p.rows_y + row) * p.rows_x + column;
    at.offset = image * p.c_image + row * p.c_y + column * p.c_x + place.column;
    return at;
  };
  Finish finish;
  load_finish(p, place, finish);
  Place places[OY * OX];
  f32 (&results)[OY * OX][8] = (f32 (&)[OY * OX][8])sums;
#pragma unroll
  for (int o = 0; o < OY * OX; ++o) places[o] = locate(o / OX, o % OX);
  to_results(p, places, finish, results);
#pragma unroll
  for (int o = 0; o < OY * OX; ++o) {
    if (places[o].exists) store_eight<OUT, RoundResult>((OUT*)p.c + places[o].offset, results[o], places[o].count);
  }
}
