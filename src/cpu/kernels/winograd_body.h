// The transforms of Winograd's minimal filtering on one tile (contract: kernel_table.h, winograd.h). Included after a simd_*.h.
//
// Both are one-dimensional transforms along y and then along x, a vector of channels at a time.
#pragma once

#include "cpu/kernels/tile_body.h"

namespace sinter::cpu {
namespace {

// The values of a line of F(2, 3)'s source at 0, 1, -1 and infinity; each divisor of the filter's points is 1 or 2.
inline void winograd_input_line(const Vec (&d)[4], Vec (&v)[4]) {
  v[0] = sub(d[0], d[2]);
  v[1] = add(d[1], d[2]);
  v[2] = sub(d[2], d[1]);
  v[3] = sub(d[1], d[3]);
}

inline void winograd_output_line(const Vec (&m)[4], Vec (&y)[2]) {
  y[0] = add(m[0], add(m[1], m[2]));
  y[1] = sub(sub(m[1], m[2]), m[3]);
}

// F(4, 3) at 0, a, -a, b, -b, infinity: even and odd parts serve a point and its opposite.
inline void winograd_input_line(const Vec (&d)[6], Vec (&v)[6]) {
  constexpr float a = kWinogradPointA, b = kWinogradPointB;
  const Vec even_a = fma(splat(-b * b), d[2], d[4]), odd_a = fma(splat(-b * b), d[1], d[3]);
  const Vec even_b = fma(splat(-a * a), d[2], d[4]), odd_b = fma(splat(-a * a), d[1], d[3]);
  v[0] = fma(splat(a * a * b * b), d[0], fma(splat(-(a * a + b * b)), d[2], d[4]));
  v[1] = fma(splat(a), odd_a, even_a);
  v[2] = fma(splat(-a), odd_a, even_a);
  v[3] = fma(splat(b), odd_b, even_b);
  v[4] = fma(splat(-b), odd_b, even_b);
  v[5] = fma(splat(a * a * b * b), d[1], fma(splat(-(a * a + b * b)), d[3], d[5]));
}

inline void winograd_output_line(const Vec (&m)[6], Vec (&y)[4]) {
  constexpr float a = kWinogradPointA, b = kWinogradPointB;
  const Vec even_a = add(m[1], m[2]), odd_a = sub(m[1], m[2]);
  const Vec even_b = add(m[3], m[4]), odd_b = sub(m[3], m[4]);
  y[0] = add(m[0], add(even_a, even_b));
  y[1] = fma(splat(a), odd_a, mul(splat(b), odd_b));
  y[2] = fma(splat(a * a), even_a, mul(splat(b * b), even_b));
  y[3] = fma(splat(a * a * a), odd_a, fma(splat(b * b * b), odd_b, m[5]));
}

template <int kOutputs>
void winograd_input(const WinogradInputCall& call) {
  constexpr int kSize = kOutputs + 2;
  for (int64_t c = 0; c < call.channels; c += kLanes) {
    const LaneMask mask = first_lanes(call.channels - c);
    Vec lines[kSize][kSize];
#pragma GCC unroll 6
    for (int x = 0; x < kSize; ++x) {
      Vec d[kSize], v[kSize];
#pragma GCC unroll 6
      for (int y = 0; y < kSize; ++y) d[y] = load(call.pixels[y * kSize + x] + c, mask);
      winograd_input_line(d, v);
#pragma GCC unroll 6
      for (int y = 0; y < kSize; ++y) lines[y][x] = v[y];
    }
    float* dst = call.dst + c;
#pragma GCC unroll 6
    for (int y = 0; y < kSize; ++y) {
      Vec v[kSize];
      winograd_input_line(lines[y], v);
#pragma GCC unroll 6
      for (int x = 0; x < kSize; ++x, dst += call.plane_stride) store(dst, v[x]);
    }
  }
}

// kVecs vectors of columns from `col` on.
template <int kOutputs, int kVecs>
void winograd_output_columns(const WinogradOutputCall& call, int col) {
  constexpr int kSize = kOutputs + 2;
  const int cols = call.cols - col < kVecs * kLanes ? call.cols - col : kVecs * kLanes;
  const Epilogue& epilogue = *call.epilogue;
  LaneMask mask[kVecs];
  Vec bias[kVecs];
  Vec lines[kVecs][kOutputs][kSize];
#pragma GCC unroll 2
  for (int j = 0; j < kVecs; ++j) {
    mask[j] = first_lanes(cols - j * kLanes);
    bias[j] = epilogue.bias != nullptr ? load(epilogue.bias + call.col + col + j * kLanes, mask[j]) : splat(0.0f);
#pragma GCC unroll 6
    for (int x = 0; x < kSize; ++x) {
      Vec m[kSize], v[kOutputs];
#pragma GCC unroll 6
      for (int y = 0; y < kSize; ++y) m[y] = load(call.src + (y * kSize + x) * call.plane_stride + col + j * kLanes);
      winograd_output_line(m, v);
#pragma GCC unroll 4
      for (int y = 0; y < kOutputs; ++y) lines[j][y][x] = v[y];
    }
  }
  for (int y = 0; y < call.rows; ++y) {
    Vec acc[kOutputs][kVecs];
#pragma GCC unroll 2
    for (int j = 0; j < kVecs; ++j) {
      Vec v[kOutputs];
      winograd_output_line(lines[j][y], v);
#pragma GCC unroll 4
      for (int x = 0; x < kOutputs; ++x) acc[x][j] = add(v[x], bias[j]);
    }
    float* c = call.dst + y * call.dst_row_stride + col;
    const int64_t row = call.row + y * call.row_step;
    if (call.pixel_step == 1) {
      finish_tile(acc, mask, c, call.dst_pixel_stride, call.pixels, cols, epilogue, row, call.col + col);
      continue;
    }
    for (int x = 0; x < call.pixels; ++x) {
      Vec one[1][kVecs];
#pragma GCC unroll 2
      for (int j = 0; j < kVecs; ++j) one[0][j] = acc[x][j];
      finish_tile(one, mask, c + x * call.dst_pixel_stride, 0, 1, cols, epilogue, row + x * call.pixel_step, call.col + col);
    }
  }
}

template <int kOutputs>
void winograd_output(const WinogradOutputCall& call) {
  for (int col = 0; col < call.cols; col += 2 * kLanes) {
    if (call.cols - col > kLanes) winograd_output_columns<kOutputs, 2>(call, col);
    else winograd_output_columns<kOutputs, 1>(call, col);
  }
}

void fill_winograd(KernelTable& table) {
  table.winograd_input[0] = &winograd_input<2>;
  table.winograd_input[1] = &winograd_input<4>;
  table.winograd_output[0] = &winograd_output<2>;
  table.winograd_output[1] = &winograd_output<4>;
}

}  // namespace
}  // namespace sinter::cpu
