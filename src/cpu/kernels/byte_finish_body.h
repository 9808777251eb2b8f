// From 32-bit sums of a tile of 8-bit values to memory (epilogue.h, ByteEpilogue). Included after a simd_*.h.
#pragma once

#include <bit>
#include <cstring>

#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/vec_math_body.h"

namespace sinter::cpu {
namespace {

// clip(round(value * multiplier) + zero) for n values; NaN gives the lowest. Adding 1.5 * 2^23 rounds to even.
inline void quantize_row(const float* values, int64_t n, const ByteEpilogue& e, uint8_t* out) {
  constexpr float kMagic = 12582912.0f;
  const float low = static_cast<float>(e.low - e.zero), high = static_cast<float>(e.high - e.zero), multiplier = e.multiplier;
  const int32_t offset = e.zero - std::bit_cast<int32_t>(kMagic);
  for (int64_t i = 0; i < n; ++i) {
    const float v = values[i] * multiplier, raised = v > low ? v : low, bounded = raised < high ? raised : high;
    out[i] = static_cast<uint8_t>(std::bit_cast<int32_t>(bounded + kMagic) + offset);
  }
}

// One row of folded values, where registers do not do it.
inline void fold_row(const int32_t* sums, int cols, const ByteEpilogue& e, int64_t row, int64_t col, float* values) {
  const float *scale = e.folded_scale + col, *bias = e.folded_bias + col;
  for (int j = 0; j < cols; ++j) values[j] = static_cast<float>(sums[j]) * scale[j] + bias[j];
  const int64_t at = row * e.residual_stride + col;
  if (e.residual == nullptr) return;
  const uint8_t flip = e.residual_unsigned ? 0x80 : 0;
  for (int j = 0; j < cols; ++j) {
    values[j] += static_cast<float>(static_cast<int8_t>(e.residual[at + j] ^ flip)) * e.residual_scale;
  }
}

// From sums to memory for a tile whose epilogue is not done in registers: the tile stays in the first-level cache.
__attribute__((noinline)) void finish_sums(int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  const Epilogue& epilogue = *call.epilogue;
  const ByteEpilogue& e = *epilogue.bytes;
  const int cols = call.cols;
  if (e.weight_zero != nullptr && e.row_sums != nullptr) {
    for (int r = 0; r < rows; ++r) {
      const auto row_sum = static_cast<uint32_t>(e.row_sums[call.row + r]);
      for (int j = 0; j < cols; ++j) {
        const uint32_t less = row_sum * static_cast<uint32_t>(e.weight_zero[call.col + j]);
        sums[r * sums_stride + j] = static_cast<int32_t>(static_cast<uint32_t>(sums[r * sums_stride + j]) - less);
      }
    }
  }
  if (e.store == ByteStore::kSums) {
    auto* c = static_cast<int32_t*>(call.c);
    for (int r = 0; r < rows; ++r) std::memcpy(c + r * call.c_stride, sums + r * sums_stride, static_cast<size_t>(cols) * 4);
    return;
  }
  float block[kMaxTileRows * kMaxTilePanels * kPanel];
  const bool wide = e.store == ByteStore::kFloat;
  float* values = wide ? static_cast<float*>(call.c) : block;
  const int64_t stride = wide ? call.c_stride : kMaxTilePanels * kPanel;
  const bool before = epilogue.residual != nullptr && !epilogue.residual_after_activation;
  for (int r = 0; r < rows; ++r) {
    float* to = values + r * stride;
    const int32_t* from = sums + r * sums_stride;
    if (e.folded) {
      fold_row(from, cols, e, call.row + r, call.col, to);
      continue;
    }
    const float* scale = e.scale + call.col;
    for (int j = 0; j < cols; ++j) to[j] = static_cast<float>(from[j]) * scale[j];
    if (epilogue.bias != nullptr) {
      const float* bias = epilogue.bias + call.col;
      for (int j = 0; j < cols; ++j) to[j] += bias[j];
    }
    if (before) {
      const float* residual = epilogue.residual + (call.row + r) * epilogue.residual_stride + call.col;
      for (int j = 0; j < cols; ++j) to[j] += residual[j];
    }
  }
  if (!e.folded) {
    activate_block(values, stride, rows, cols, epilogue, call.row, call.col);
    if (epilogue.post != nullptr) {
      for (int r = 0; r < rows; ++r) epilogue.post(epilogue.post_ctx, values + r * stride, call.row + r, call.col, cols);
    }
  }
  if (wide) return;
  ByteEpilogue rounding = e;
  if (e.folded) rounding.multiplier = 1;
  auto* c = static_cast<uint8_t*>(call.c);
  for (int r = 0; r < rows; ++r) quantize_row(values + r * stride, cols, rounding, c + r * call.c_stride);
}

}  // namespace
}  // namespace sinter::cpu
