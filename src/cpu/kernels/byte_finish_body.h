// From 32-bit sums of a tile of 8-bit values to memory (epilogue.h, ByteEpilogue). Included after a simd_*.h.
#pragma once

#include <bit>
#include <cstring>

#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/vec_math_body.h"
#if defined(__AVX512BW__)
#include "cpu/kernels/byte_fold_avx512.h"
#endif

namespace sinter::cpu {
namespace {

// Sums less what weights' zero points take away.
inline void take_zero_points(int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  const ByteEpilogue& e = *call.epilogue->bytes;
  if (e.weight_zero == nullptr || e.row_sums == nullptr) return;
  for (int r = 0; r < rows; ++r) {
    const auto row_sum = static_cast<uint32_t>(e.row_sums[call.row + r]);
    int32_t* row = sums + r * sums_stride;
    for (int j = 0; j < call.cols; ++j) row[j] = static_cast<int32_t>(static_cast<uint32_t>(row[j]) - row_sum * static_cast<uint32_t>(e.weight_zero[call.col + j]));
  }
}

inline void store_plain_sums(const int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  auto* c = static_cast<int32_t*>(call.c);
  for (int r = 0; r < rows; ++r) std::memcpy(c + r * call.c_stride, sums + r * sums_stride, static_cast<size_t>(call.cols) * 4);
}

// What becomes of a value before and after the activation.
struct ByteFactors {
  const float *scale, *bias;
  float multiplier;
  bool residual_before, residual_after;
};

inline ByteFactors byte_factors(const Epilogue& epilogue) {
  const ByteEpilogue& e = *epilogue.bytes;
  const bool has_residual = e.residual != nullptr;
  if (e.folded) return {e.folded_scale, e.folded_bias, 1.0f, has_residual, false};
  return {e.scale, epilogue.bias, e.multiplier, has_residual && !e.residual_after, has_residual && e.residual_after};
}

#if defined(__AVX512BW__)

// Which lanes of the tile's last panel are columns.
inline LaneMask panel_lanes(int cols, int panel) { return first_lanes(cols - panel * kPanel); }

// The bytes of a residual as floats.
inline Vec load_residual(const ByteEpilogue& e, int64_t at, LaneMask mask) {
  const __m128i bytes = _mm_xor_si128(_mm_maskz_loadu_epi8(mask, e.residual + at), _mm_set1_epi8(static_cast<char>(e.residual_unsigned ? 0x80 : 0)));
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

// Sums times scale, bias and what comes before an activation.
inline void start_values(const int32_t* sums, int64_t sums_stride, int rows, const TileCall& call, const ByteFactors& factors, float* values, int64_t stride) {
  const Epilogue& epilogue = *call.epilogue;
  const ByteEpilogue& e = *epilogue.bytes;
  const bool before = !e.folded && epilogue.residual != nullptr && !epilogue.residual_after_activation;
  const Vec byte_scale = splat(e.residual_scale), byte_start = splat(e.folded ? 0.0f : e.residual_start);
  for (int j = 0; j * kPanel < call.cols; ++j) {
    const LaneMask mask = panel_lanes(call.cols, j);
    const int64_t col = call.col + j * kPanel;
    const Vec scale = load(factors.scale + col, mask), bias = factors.bias != nullptr ? load(factors.bias + col, mask) : splat(0.0f);
    for (int r = 0; r < rows; ++r) {
      Vec v = mul(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums + r * sums_stride + j * kPanel)), scale);
      if (factors.bias != nullptr) v = add(v, bias);
      if (before) v = add(v, load(epilogue.residual + (call.row + r) * epilogue.residual_stride + col, mask));
      if (factors.residual_before) v = add(v, fma(load_residual(e, (call.row + r) * e.residual_stride + col, mask), byte_scale, byte_start));
      store(values + r * stride + j * kPanel, v, mask);
    }
  }
}

// Values, `kPanels` panels a row without gaps, to bytes: as many rows at a time as fit a register.
template <int kPanels>
inline void quantize_values(const float* values, int rows, const TileCall& call, const ByteFactors& factors) {
  const ByteEpilogue& e = *call.epilogue->bytes;
  const Narrowing narrowing = narrowing_of(e);
  const Vec multiplier = splat(factors.multiplier), low = splat(static_cast<float>(e.low - e.zero)), high = splat(static_cast<float>(e.high - e.zero));
  const Vec byte_scale = splat(e.residual_scale), byte_start = splat(e.residual_start);
  const bool full = call.cols == kPanels * kPanel;
  const __mmask64 mask = call.cols >= 64 ? ~__mmask64{0} : (__mmask64{1} << call.cols) - 1;
  auto* const c = static_cast<uint8_t*>(call.c);
  constexpr int kGroupRows = 4 / kPanels;
  for (int first = 0; first < rows; first += kGroupRows) {
    __m512i q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int r = first + i / kPanels < rows ? first + i / kPanels : rows - 1, j = i % kPanels;
      Vec v = mul(load(values + (r * kPanels + j) * kPanel), multiplier);
      if (factors.residual_after) {
        const Vec residual = load_residual(e, (call.row + r) * e.residual_stride + call.col + j * kPanel, panel_lanes(call.cols, j));
        v = add(v, fma(residual, byte_scale, byte_start));
      }
      // The value comes first: what is not a number becomes the lowest.
      q[i] = _mm512_cvtps_epi32(_mm512_min_ps(_mm512_max_ps(v, low), high));
    }
    const __m512i bytes = narrow_four(narrowing, q[0], q[1], q[2], q[3]);
    uint8_t* to = c + first * call.c_stride;
    store_row<kPanels, 0>(to, bytes, full, mask);
    if constexpr (kGroupRows > 1) {
      if (first + 1 < rows) store_row<kPanels, 1>(to + call.c_stride, bytes, full, mask);
    }
    if constexpr (kGroupRows > 2) {
      if (first + 2 < rows) store_row<kPanels, 2>(to + 2 * call.c_stride, bytes, full, mask);
      if (first + 3 < rows) store_row<kPanels, 3>(to + 3 * call.c_stride, bytes, full, mask);
    }
  }
}

// From sums to memory for a tile whose epilogue is not done in registers: the tile stays in the first-level cache.
__attribute__((noinline)) void finish_sums(int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  const Epilogue& epilogue = *call.epilogue;
  const ByteEpilogue& e = *epilogue.bytes;
  take_zero_points(sums, sums_stride, rows, call);
  if (e.store == ByteStore::kSums) return store_plain_sums(sums, sums_stride, rows, call);
  const ByteFactors factors = byte_factors(epilogue);
  alignas(64) float block[kMaxTileRows * kMaxTilePanels * kPanel];
  const bool wide = e.store == ByteStore::kFloat;
  const int panels = call.cols <= kPanel ? 1 : call.cols <= 2 * kPanel ? 2 : 4;
  float* values = wide ? static_cast<float*>(call.c) : block;
  const int64_t stride = wide ? call.c_stride : panels * kPanel;
  start_values(sums, sums_stride, rows, call, factors, values, stride);
  if (!e.folded) {
    activate_block(values, stride, rows, call.cols, epilogue, call.row, call.col);
    for (int r = 0; epilogue.post != nullptr && r < rows; ++r) epilogue.post(epilogue.post_ctx, values + r * stride, call.row + r, call.col, call.cols);
  }
  if (wide) return;
  if (panels == 1) quantize_values<1>(values, rows, call, factors);
  else if (panels == 2) quantize_values<2>(values, rows, call, factors);
  else quantize_values<4>(values, rows, call, factors);
}
#else

// clip(round(value) + zero) for n values; NaN gives the lowest. Adding 1.5 * 2^23 rounds to even.
inline void quantize_row(const float* values, int64_t n, const ByteEpilogue& e, uint8_t* out) {
  constexpr float kMagic = 12582912.0f;
  const float low = static_cast<float>(e.low - e.zero), high = static_cast<float>(e.high - e.zero);
  const int32_t offset = e.zero - std::bit_cast<int32_t>(kMagic);
  for (int64_t i = 0; i < n; ++i) {
    const float v = values[i], raised = v > low ? v : low, bounded = raised < high ? raised : high;
    out[i] = static_cast<uint8_t>(std::bit_cast<int32_t>(bounded + kMagic) + offset);
  }
}

// values[j] += the residual's share.
inline void add_byte_residual(const ByteEpilogue& e, int64_t row, int64_t col, int cols, float* values) {
  const uint8_t* from = e.residual + row * e.residual_stride + col;
  const uint8_t flip = e.residual_unsigned ? 0x80 : 0;
  const float start = e.folded ? 0.0f : e.residual_start;
  for (int j = 0; j < cols; ++j) values[j] += static_cast<float>(static_cast<int8_t>(from[j] ^ flip)) * e.residual_scale + start;
}

// From sums to memory for a tile whose epilogue is not done in registers: the tile stays in the first-level cache.
__attribute__((noinline)) void finish_sums(int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  const Epilogue& epilogue = *call.epilogue;
  const ByteEpilogue& e = *epilogue.bytes;
  const int cols = call.cols;
  take_zero_points(sums, sums_stride, rows, call);
  if (e.store == ByteStore::kSums) return store_plain_sums(sums, sums_stride, rows, call);
  const ByteFactors factors = byte_factors(epilogue);
  float block[kMaxTileRows * kMaxTilePanels * kPanel];
  const bool wide = e.store == ByteStore::kFloat;
  float* values = wide ? static_cast<float*>(call.c) : block;
  const int64_t stride = wide ? call.c_stride : kMaxTilePanels * kPanel;
  const bool before = !e.folded && epilogue.residual != nullptr && !epilogue.residual_after_activation;
  const float *scale = factors.scale + call.col, *bias = factors.bias != nullptr ? factors.bias + call.col : nullptr;
  for (int r = 0; r < rows; ++r) {
    float* to = values + r * stride;
    const int32_t* from = sums + r * sums_stride;
    for (int j = 0; j < cols; ++j) to[j] = static_cast<float>(from[j]) * scale[j];
    for (int j = 0; bias != nullptr && j < cols; ++j) to[j] += bias[j];
    if (before) {
      const float* residual = epilogue.residual + (call.row + r) * epilogue.residual_stride + call.col;
      for (int j = 0; j < cols; ++j) to[j] += residual[j];
    }
    if (factors.residual_before) add_byte_residual(e, call.row + r, call.col, cols, to);
  }
  if (!e.folded) {
    activate_block(values, stride, rows, cols, epilogue, call.row, call.col);
    for (int r = 0; epilogue.post != nullptr && r < rows; ++r) epilogue.post(epilogue.post_ctx, values + r * stride, call.row + r, call.col, cols);
  }
  if (wide) return;
  auto* c = static_cast<uint8_t*>(call.c);
  for (int r = 0; r < rows; ++r) {
    float* row = values + r * stride;
    for (int j = 0; j < cols; ++j) row[j] *= factors.multiplier;
    if (factors.residual_after) add_byte_residual(e, call.row + r, call.col, cols, row);
    quantize_row(row, cols, e, c + r * call.c_stride);
  }
}

#endif

}  // namespace
}  // namespace sinter::cpu
