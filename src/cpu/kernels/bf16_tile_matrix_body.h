// Tiles of bf16 over matrix registers: matrix_tile_body.h's sums, in f32, through the epilogue of f32 (tile_body.h); operands may be split into two
// bf16 each, whose products of high by low and low by high are segments of their own (gemm_driver.h).
//
// The registers take infinity times zero for NaN, also where only a low part is zero: a sum that is not finite is computed again by
// multiplications and additions of f32. They take denormal numbers for zero.
#pragma once

#include <cmath>
#include <limits>

#include "cpu/kernels/bf16.h"
#include "cpu/kernels/matrix_tile_body.h"
#include "cpu/kernels/tile_body.h"

namespace sinter::cpu {
namespace {

// What was split: the two parts of the largest numbers round to infinity.
float bf16_whole(uint16_t high, uint16_t low) {
  const float whole = bf16_to_float(high) + bf16_to_float(low);
  if (std::isinf(whole) && !std::isinf(bf16_to_float(high))) return std::copysign(std::numeric_limits<float>::max(), whole);
  return whole;
}

// Element (row, col) of the tile, from the values themselves.
float bf16_sum(const TileCall& call, int row, int col) {
  const auto* panel = static_cast<const uint16_t*>(call.b) + 2 * (col / kPanel * call.panel_stride + col % kPanel);
  float sum = 0;
  for (int64_t s = 0; s < call.segment_count; ++s) {
    const TileSegment& segment = call.segments[s];
    const bool low = segment.a_shift != 0 || (call.b_low != 0 && segment.b_offset >= call.b_low);
    if (low) continue;  // its parts are added where the high ones are
    const auto* a = static_cast<const uint16_t*>(segment.rows[row]);
    const uint16_t* b = panel + 2 * segment.b_offset;
    for (int64_t k = 0; k < 2 * call.k; ++k) {
      const uint16_t* at = b + 2 * (k / 2 * kPanel) + k % 2;
      const bool split = call.a_low != 0;
      sum = std::fma(bf16_whole(a[k], split ? a[k + call.a_low / 2] : 0), bf16_whole(*at, split ? at[2 * call.b_low] : 0), sum);
    }
  }
  return sum;
}

template <int kPanels>
void mend_sums(float* sums, const TileCall& call) {
  for (int r = 0; r < call.rows; ++r) {
    float* row = sums + r * kPanels * kPanel;
    for (int c = 0; c < call.cols; ++c) {
      if (!std::isfinite(row[c])) row[c] = bf16_sum(call, r, c);
    }
  }
}

// Whether all sums that will be stored are finite.
template <int kPanels>
bool are_finite(const float* sums, const TileCall& call, const LaneMask (&mask)[kPanels]) {
  constexpr int kNanOrInfinity = 0x99;
  LaneMask strange = 0;
  for (int r = 0; r < call.rows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kPanels; ++j) strange |= _mm512_mask_fpclass_ps_mask(mask[j], load(sums + (r * kPanels + j) * kPanel), kNanOrInfinity);
  }
  return strange == 0;
}

// Rows [row, ...) in steps of kRows through the epilogue; the first row that is left.
template <int kRows, int kPanels>
int finish_bf16_rows(const float* sums, int row, const TileCall& call, const LaneMask (&mask)[kPanels]) {
  const float* bias = call.epilogue->bias;
  for (; row + kRows <= call.rows; row += kRows) {
    Vec acc[kRows][kPanels];
    set_tile(acc, [&](int r, int j) { return load(sums + ((row + r) * kPanels + j) * kPanel); });
    if (bias != nullptr && call.epilogue->bias_per_row) {
      set_tile(acc, [&](int r, int j) { return add(acc[r][j], splat(bias[call.row + row + r])); });
    } else if (bias != nullptr) {
      set_tile(acc, [&](int r, int j) { return add(acc[r][j], load(bias + call.col + j * kPanel, mask[j])); });
    }
    finish_tile(acc, mask, static_cast<float*>(call.c) + row * call.c_stride, call.c_stride, kRows, call.cols, *call.epilogue, call.row + row, call.col);
  }
  return row;
}

template <int kHalves, int kPanels>
void bf16_matrix_tile(const TileCall& call) {
  alignas(64) static constexpr float kNothing[kPanel] = {};
  const int first = shape_for<kHalves>(call);
  load_tile<0>(kNothing, 0);
  if constexpr (kPanels > 1) load_tile<1>(kNothing, 0);
  if constexpr (kPanels > 2 || kHalves > 1) load_tile<2>(kNothing, 0);
  if constexpr (kPanels > 3 || (kHalves > 1 && kPanels > 1)) load_tile<3>(kNothing, 0);
  sum_matrices<kHalves, kPanels, Products::kBf16>(call, first);
  alignas(64) float sums[kHalves * kTileRows * kPanels * kPanel];
  store_matrices<kHalves, kPanels>(sums, first);
  LaneMask mask[kPanels];
  for (int j = 0; j < kPanels; ++j) mask[j] = first_lanes(call.cols - j * kPanel);
  if (!are_finite(sums, call, mask)) mend_sums<kPanels>(sums, call);
  constexpr int kBlock = kPanels > 2 ? 4 : 8;
  int row = finish_bf16_rows<kBlock, kPanels>(sums, 0, call, mask);
  row = finish_bf16_rows<2, kPanels>(sums, row, call, mask);
  finish_bf16_rows<1, kPanels>(sums, row, call, mask);
}

TileSet bf16_matrix_tiles() {
  return matrix_set({&bf16_matrix_tile<1, 1>, &bf16_matrix_tile<1, 2>, &bf16_matrix_tile<1, 3>, &bf16_matrix_tile<1, 4>},
                    {&bf16_matrix_tile<2, 1>, &bf16_matrix_tile<2, 2>});
}

// 16 values' nearest bf16 (bf16.h), each in the lower half of 32 bits.
inline __m512i nearest_bf16_of(Vec v) {
  const __m512i bits = _mm512_castps_si512(v), size = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff));
  const __m512i infinity = _mm512_set1_epi32(0x7f800000);
  const __mmask16 special = _mm512_cmpge_epi32_mask(size, infinity), nan = _mm512_cmpgt_epi32_mask(size, infinity);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(size, 16), _mm512_set1_epi32(1));
  __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(size, _mm512_set1_epi32(0x7fff)), odd), 16);
  rounded = _mm512_min_epi32(rounded, _mm512_set1_epi32(0x7f7f));
  rounded = _mm512_mask_srli_epi32(rounded, special, size, 16);
  rounded = _mm512_mask_or_epi32(rounded, nan, rounded, _mm512_set1_epi32(0x40));
  return _mm512_or_si512(rounded, _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x8000)));
}

void split_bf16(const float* source, int64_t n, uint16_t* high, uint16_t* low) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const LaneMask lanes = first_lanes(n - i);
    const Vec v = load(source + i, lanes);
    const __m512i h = nearest_bf16_of(v);
    _mm256_mask_storeu_epi16(high + i, lanes, _mm512_cvtepi32_epi16(h));
    if (low == nullptr) continue;
    const __mmask16 finite = static_cast<__mmask16>(~_mm512_fpclass_ps_mask(v, 0x99));
    const Vec rest = _mm512_maskz_sub_ps(finite, v, _mm512_castsi512_ps(_mm512_slli_epi32(h, 16)));
    _mm256_mask_storeu_epi16(low + i, lanes, _mm512_cvtepi32_epi16(nearest_bf16_of(rest)));
  }
}

}  // namespace
}  // namespace sinter::cpu
