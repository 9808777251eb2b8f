// From sums in AVX-512 registers to bytes, where the whole epilogue is one multiply-add (epilogue.h, ByteEpilogue::folded). Included after
// simd_avx512.h.
#pragma once

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

// Four vectors of integers to the bytes of all four, one after the other, saturated and bounded as signed ones.
struct Narrowing {
  __m512i zero, low, high, flip, order;
};

inline Narrowing narrowing_of(const ByteEpilogue& e) {
  // Unsigned results are signed ones 128 below, flipped at the end.
  const int shift = e.store == ByteStore::kU8 ? 128 : 0;
  return {_mm512_set1_epi16(static_cast<int16_t>(e.zero - shift)), _mm512_set1_epi8(static_cast<char>(e.low - shift)),
          _mm512_set1_epi8(static_cast<char>(e.high - shift)), _mm512_set1_epi8(static_cast<char>(shift)),
          _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15)};
}

inline __m512i narrow_four(const Narrowing& n, __m512i a, __m512i b, __m512i c, __m512i d) {
  const __m512i ab = _mm512_adds_epi16(_mm512_packs_epi32(a, b), n.zero), cd = _mm512_adds_epi16(_mm512_packs_epi32(c, d), n.zero);
  const __m512i bytes = _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(ab, cd), n.low), n.high);
  return _mm512_permutexvar_epi32(n.order, _mm512_xor_si512(bytes, n.flip));
}

// Row `kPart` of the rows that lie in `bytes`, kPanels panels each.
template <int kPanels, int kPart>
inline void store_row(uint8_t* to, __m512i bytes, bool full, __mmask64 mask) {
  if constexpr (kPanels == 1) {
    const __m128i row = _mm512_extracti32x4_epi32(bytes, kPart);
    if (full) _mm_storeu_si128(reinterpret_cast<__m128i*>(to), row);
    else _mm_mask_storeu_epi8(to, static_cast<__mmask16>(mask), row);
  } else if constexpr (kPanels == 2) {
    const __m256i row = _mm512_extracti64x4_epi64(bytes, kPart);
    if (full) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), row);
    else _mm256_mask_storeu_epi8(to, static_cast<__mmask32>(mask), row);
  } else {
    _mm512_mask_storeu_epi8(to, mask, bytes);
  }
}

template <int kRows, int kPanels>
inline __attribute__((always_inline)) void add_folded_residual(Vec (&v)[kRows][kPanels], const TileCall& call, const ByteEpilogue& e) {
  const int64_t at = call.row * e.residual_stride + call.col;
  const Vec scale = splat(e.residual_scale);
  const __m128i flip = _mm_set1_epi8(static_cast<char>(e.residual_unsigned ? 0x80 : 0));
  const __mmask64 mask = call.cols >= 64 ? ~__mmask64{0} : (__mmask64{1} << call.cols) - 1;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kPanels; ++j) {
      const __m128i bytes = _mm_maskz_loadu_epi8(static_cast<LaneMask>(mask >> (j * kPanel)), e.residual + at + r * e.residual_stride + j * kPanel);
      v[r][j] = fma(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_xor_si128(bytes, flip))), scale, v[r][j]);
    }
  }
}

template <int kRows, int kPanels>
inline __attribute__((always_inline)) void store_folded(__m512i (&acc)[kRows][kPanels], const TileCall& call, const ByteEpilogue& e) {
  Vec v[kRows][kPanels];
#pragma GCC unroll 4
  for (int j = 0; j < kPanels; ++j) {
    const Vec scale = load(e.folded_scale + call.col + j * kPanel), bias = load(e.folded_bias + call.col + j * kPanel);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) v[r][j] = fma(_mm512_cvtepi32_ps(acc[r][j]), scale, bias);
  }
  if (e.residual != nullptr) add_folded_residual(v, call, e);
  const Narrowing narrowing = narrowing_of(e);
  const bool full = call.cols == kPanels * kPanel;
  const __mmask64 mask = call.cols >= 64 ? ~__mmask64{0} : (__mmask64{1} << call.cols) - 1;
  auto* const c = static_cast<uint8_t*>(call.c);
  constexpr int kGroupRows = kPanels == 1 ? 4 : kPanels == 2 ? 2 : 1;  // rows whose bytes fit a register
#pragma GCC unroll 16
  for (int first = 0; first < kRows; first += kGroupRows) {
    __m512i q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int r = first + i / kPanels < kRows ? first + i / kPanels : kRows - 1, j = i % kPanels;
      q[i] = kPanels == 3 && i == 3 ? q[2] : _mm512_cvtps_epi32(v[r][j]);
    }
    const __m512i bytes = narrow_four(narrowing, q[0], q[1], q[2], q[3]);
    store_row<kPanels, 0>(c + first * call.c_stride, bytes, full, mask);
    if constexpr (kGroupRows > 1) {
      if (first + 1 < kRows) store_row<kPanels, 1>(c + (first + 1) * call.c_stride, bytes, full, mask);
    }
    if constexpr (kGroupRows > 2) {
      if (first + 2 < kRows) store_row<kPanels, 2>(c + (first + 2) * call.c_stride, bytes, full, mask);
      if (first + 3 < kRows) store_row<kPanels, 3>(c + (first + 3) * call.c_stride, bytes, full, mask);
    }
  }
}

}  // namespace
}  // namespace sinter::cpu
