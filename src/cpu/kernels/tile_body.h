// The batch-reduce GEMM micro-kernel: `rows` x `panels` tile of C held in registers over the whole reduction.
//
// A is read by broadcasts through one address per row, so that any gather of rows (the pixels of a convolution tap,
// with padding pointing at zeros) costs nothing extra; B is read as packed panels. Included after a simd_*.h.
#pragma once

#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/vec_math_body.h"

namespace sinter::cpu {
namespace {

constexpr int kPanelVecs = kPanel / kLanes;

// Bounds of the activations that are done in registers: min(max(x, low), high) is exact for none, relu and clip.
struct ClipBounds {
  bool in_registers;
  float low, high;
};

inline ClipBounds clip_bounds(const Epilogue& epilogue) {
  constexpr float kInf = __builtin_inff();
  switch (epilogue.activation) {
    case Activation::kNone: return {true, -kInf, kInf};
    case Activation::kRelu: return {true, 0.0f, kInf};
    case Activation::kClip: return {true, epilogue.alpha, epilogue.beta};
    default: return {false, -kInf, kInf};
  }
}

// Epilogue of the first `rows` rows of an accumulator tile: residual and clip in registers; other activations by a
// second pass over the tile, which is in the first-level cache by then. Each decision is taken once a tile, not once a
// register: with few k a tile's ends are a tenth of its time.
template <int kRows, int kVecs>
inline __attribute__((always_inline)) void finish_tile(Vec (&acc)[kRows][kVecs], const LaneMask (&mask)[kVecs],
                                                       float* c, int64_t c_stride, int rows, int cols,
                                                       const Epilogue& epilogue, int64_t row, int64_t col) {
  const ClipBounds clip = clip_bounds(epilogue);
  const float* residual = epilogue.residual;
  const int64_t residual_stride = epilogue.residual_stride;
  if (residual != nullptr) residual += row * residual_stride + col;
  const auto add_residual = [&]() __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      if (r >= rows) break;
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) {
        acc[r][j] = add(acc[r][j], load(residual + r * residual_stride + j * kLanes, mask[j]));
      }
    }
  };
  if (residual != nullptr && !epilogue.residual_after_activation) add_residual();
  if (clip.in_registers && epilogue.activation != Activation::kNone) {
    const Vec low = splat(clip.low), high = splat(clip.high);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) acc[r][j] = min_of(high, max_of(low, acc[r][j]));
    }
  }
  if (residual != nullptr && epilogue.residual_after_activation && clip.in_registers) add_residual();
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    if (r >= rows) break;
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) store(c + r * c_stride + j * kLanes, acc[r][j], mask[j]);
  }
  if (!clip.in_registers) activate_block(c, c_stride, rows, cols, epilogue, row, col);
  if (epilogue.post != nullptr) {
    for (int r = 0; r < rows; ++r) epilogue.post(epilogue.post_ctx, c + r * c_stride, row + r, col, cols);
  }
}

// Sets every register of the tile to value(row, vector).
template <int kRows, int kVecs, typename Value>
inline __attribute__((always_inline)) void set_tile(Vec (&acc)[kRows][kVecs], Value value) {
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) acc[r][j] = value(r, j);
  }
}

template <int kRows, int kVecs>
inline __attribute__((always_inline)) void start_tile(Vec (&acc)[kRows][kVecs], const LaneMask (&mask)[kVecs],
                                                      const TileCall& call) {
  const float* bias = call.epilogue->bias;
  if (call.accumulate) {
    const float* c = static_cast<const float*>(call.c);
    set_tile(acc, [&](int r, int j) { return load(c + r * call.c_stride + j * kLanes, mask[j]); });
  } else if (bias == nullptr) {
    set_tile(acc, [](int, int) { return splat(0.0f); });
  } else if (call.epilogue->bias_per_row) {
    set_tile(acc, [&](int r, int) { return splat(bias[call.row + r]); });
  } else {
    set_tile(acc, [&](int, int j) { return load(bias + call.col + j * kLanes, mask[j]); });
  }
}

// One k of the reduction.
template <int kRows, int kVecs>
inline __attribute__((always_inline)) void step_tile(Vec (&acc)[kRows][kVecs], const float* const (&a)[kRows],
                                                     int64_t k, const float* b, int64_t panel_stride) {
  Vec bv[kVecs];
#pragma GCC unroll 4
  for (int j = 0; j < kVecs; ++j) bv[j] = load(b + (j / kPanelVecs) * panel_stride + (j % kPanelVecs) * kLanes);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const Vec av = splat(a[r][k]);
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) acc[r][j] = fma(av, bv[j], acc[r][j]);
  }
}

// How a tile finds A: rows with consecutive k; rows whose k runs through a table of offsets; the same with each row
// kPixelStep floats behind the one before it, which needs no register for each row.
enum class Reading { kConsecutive, kIndexed, kStepped };

// The sum over one segment.
template <Reading kReading, int kRows, int kVecs>
inline __attribute__((always_inline)) void sum_segment(Vec (&acc)[kRows][kVecs], const TileCall& call,
                                                       const TileSegment& segment, const char*& prefetch) {
  const float* b = static_cast<const float*>(call.b) + segment.b_offset;
  int64_t k = 0;
  if constexpr (kReading == Reading::kStepped) {
    const float* first = static_cast<const float*>(segment.rows[0]);
    for (; k < call.k; ++k, b += kPanel) {
      const float* at = first + call.k_offsets[k];
      const float* a[kRows];
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) a[r] = at + r * kPixelStep;
      step_tile(acc, a, 0, b, call.panel_stride);
    }
    return;
  }
  const float* a[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) a[r] = static_cast<const float*>(segment.rows[r]) + call.a_offset;
  if constexpr (kReading == Reading::kIndexed) {
    for (; k < call.k; ++k, b += kPanel) step_tile(acc, a, call.k_offsets[k], b, call.panel_stride);
    return;
  }
  for (; k + 4 <= call.k; k += 4) {
    // Hides k's value, so that the compiler keeps one index for all rows instead of a running pointer for each.
    __asm__ volatile("" : "+r"(k));
    prefetch_l2(prefetch);
    prefetch_l2(prefetch + 64);
    prefetch += call.prefetch_step;
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) step_tile(acc, a, k + u, b + u * kPanel, call.panel_stride);
    b += 4 * kPanel;
  }
  for (; k < call.k; ++k, b += kPanel) step_tile(acc, a, k, b, call.panel_stride);
}

template <Reading kReading, int kRows, int kPanels>
void tile(const TileCall& call) {
  constexpr int kVecs = kPanels * kPanelVecs;
  Vec acc[kRows][kVecs];
  LaneMask mask[kVecs];
  for (int j = 0; j < kVecs; ++j) mask[j] = first_lanes(call.cols - j * kLanes);
  float* const c = static_cast<float*>(call.c);
  // C is fetched while the sum runs: 3 to 9 % of the layers with few input channels, whose output exceeds L2.
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) prefetch_l1(c + r * call.c_stride + j * kLanes);
  }
  start_tile(acc, mask, call);
  const char* prefetch = call.prefetch;
  for (int64_t s = 0; s < call.segment_count; ++s) sum_segment<kReading>(acc, call, call.segments[s], prefetch);
  if (call.finish) {
    finish_tile(acc, mask, c, call.c_stride, kRows, call.cols, *call.epilogue, call.row, call.col);
    return;
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) store(c + r * call.c_stride + j * kLanes, acc[r][j], mask[j]);
  }
}

template <Reading kReading, int kPanels, int kRows>
void fill_tiles(TileFn (&row)[kMaxTileRows]) {
  if constexpr (kRows > 0) {
    row[kRows - 1] = &tile<kReading, kRows, kPanels>;
    fill_tiles<kReading, kPanels, kRows - 1>(row);
  }
}

}  // namespace
}  // namespace sinter::cpu
