// What the batch-reduce micro-kernels over matrix registers (AMX) have in common: two registers of 16 rows of A by two panels of B, or one by up to
// four panels. A register of B is 16 units of a panel as it is packed for every instruction set; a unit is four values of 8 bits or two bf16.
//
// Included after simd_avx512.h and the registers (amx_registers.h), before byte_tile_matrix_body.h and bf16_tile_matrix_body.h. A step of the
// reduction is 64 bytes of k. Where the addresses of a register's rows are evenly spaced, A is loaded from where it lies; else, and where a step
// takes the ends of several segments together, its rows are copied to a ring of slots, some steps ahead, because loads of a register wait until
// stores have reached the cache.
#pragma once

#include <cstring>

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

constexpr int kTileRows = 16, kTileBytes = 64, kStepUnits = kTileBytes / kUnitBytes;
constexpr int kAhead = 3, kSlots = 4;  // steps whose rows are copied before a step is multiplied, and places for them

// Units of B of a step that has fewer than a register, with zeros behind them.
struct alignas(64) FilledUnits {
  uint8_t bytes[kMaxTilePanels][kStepUnits * kTileBytes];
  const void* of;
  int64_t units, panels;
};
// What a thread's registers are shaped for, and filled units for each place of the ring: the tiles of a block of rows share them.
struct MatrixState {
  FilledUnits filled[kSlots];
  int shape;
};
thread_local MatrixState matrix_state;

void release_matrices() {
  if (matrix_state.shape == 0) return;
  drop_tiles();
  matrix_state.shape = 0;
  for (FilledUnits& filled : matrix_state.filled) filled.of = nullptr;
}

void shape_matrices(int first, int second) {
  const int shape = first * 32 + second;
  if (matrix_state.shape == shape) return;
  TileShapes shapes{};
  shapes.palette = 1;
  const int rows[8] = {first, first, second, second, first, second, kStepUnits, kStepUnits};  // four of sums, two of A, two of B
  for (int i = 0; i < 8; ++i) {
    shapes.rows[i] = static_cast<uint8_t>(rows[i]);
    shapes.row_bytes[i] = kTileBytes;
  }
  shape_tiles(shapes);
  matrix_state.shape = shape;
}

// True where the addresses are `stride` apart.
bool evenly_spaced(const void* const* rows, int count, int64_t& stride) {
  const auto* at = reinterpret_cast<const int64_t*>(rows);
  stride = count > 1 ? at[1] - at[0] : kTileBytes;
  const __m512i steps = _mm512_mullo_epi64(_mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7), _mm512_set1_epi64(stride));
  for (int i = 0; i < count; i += 8) {
    const __m512i expected = _mm512_add_epi64(steps, _mm512_set1_epi64(at[0] + i * stride));
    const auto mask = static_cast<__mmask8>(first_lanes(count - i < 8 ? count - i : 8));
    if (_mm512_mask_cmpneq_epi64_mask(mask, _mm512_maskz_loadu_epi64(mask, at + i), expected) != 0) return false;
  }
  return true;
}

// One step: where its rows of A are for each register, and its units of B.
struct MatrixStep {
  const void* a[2];
  int64_t a_stride[2];
  const char* b;
  int64_t panel_bytes;
};

// Cuts the segments of a call into steps.
class MatrixSteps {
 public:
  MatrixSteps(const TileCall& call, int first, int panels)
      : call_(call), rows_{first, call.rows - first}, panels_(panels), bytes_(call.k * kUnitBytes - (call.tail != 0 ? kUnitBytes - call.tail : 0)) {}

  // False after the last. `slot` holds 64 bytes a row; it and `filled` are the step's until it has been multiplied.
  bool next(MatrixStep& step, uint8_t* slot, FilledUnits& filled) {
    if (segment_ == call_.segment_count || call_.k == 0) return false;
    const TileSegment& segment = call_.segments[segment_];
    step.b = static_cast<const char*>(call_.b) + (segment.b_offset + unit_ * kPanel) * kUnitBytes;
    step.panel_bytes = call_.panel_stride * kUnitBytes;
    if (bytes_ - unit_ * kUnitBytes >= kTileBytes) whole(segment, step, slot);
    else joined(step, slot, filled);
    return true;
  }

 private:
  struct Piece {
    const void* const* rows;
    int64_t offset;  // of the piece's bytes from the row's address, less their place in the step
    __mmask64 mask;
  };

  // 64 bytes of one segment.
  void whole(const TileSegment& segment, MatrixStep& step, uint8_t* slot) {
    if (known_ != segment.rows) {
      known_ = segment.rows;
      even_[0] = evenly_spaced(segment.rows, rows_[0], stride_[0]);
      if (rows_[1] > 0) even_[1] = evenly_spaced(segment.rows + rows_[0], rows_[1], stride_[1]);
    }
    const Piece piece{segment.rows, segment.a_shift + unit_ * kUnitBytes, ~__mmask64{0}};
    for (int half = 0, row = 0; half < 2; row += rows_[half++]) {
      step.a[half] = even_[half] ? static_cast<const char*>(segment.rows[row]) + piece.offset : reinterpret_cast<const char*>(slot + row * kTileBytes);
      step.a_stride[half] = even_[half] ? stride_[half] : kTileBytes;
      if (!even_[half]) copy_rows(&piece, 1, row, row + rows_[half], slot);
      if (rows_[1] == 0) break;
    }
    advance(kStepUnits);
  }

  // What is left of a segment, and the segments after it as far as their units of B follow.
  void joined(MatrixStep& step, uint8_t* slot, FilledUnits& rest) {
    Piece pieces[kStepUnits];
    int count = 0;
    int64_t filled = 0, follows = 0;
    while (filled < kStepUnits && segment_ < call_.segment_count) {
      const TileSegment& segment = call_.segments[segment_];
      if (filled > 0 && unit_ == 0 && segment.b_offset != follows) break;
      follows = segment.b_offset + call_.k * kPanel;
      const int64_t units = call_.k - unit_ < kStepUnits - filled ? call_.k - unit_ : kStepUnits - filled;
      const int64_t left = bytes_ - unit_ * kUnitBytes, bytes = left < units * kUnitBytes ? left : units * kUnitBytes;
      const __mmask64 ones = bytes == kTileBytes ? ~__mmask64{0} : (__mmask64{1} << bytes) - 1;
      pieces[count++] = {segment.rows, segment.a_shift + (unit_ - filled) * kUnitBytes, ones << (filled * kUnitBytes)};
      filled += units;
      advance(units);
    }
    copy_rows(pieces, count, 0, rows_[0] + rows_[1], slot);
    step.a[0] = slot;
    step.a[1] = slot + rows_[0] * kTileBytes;
    step.a_stride[0] = step.a_stride[1] = kTileBytes;
    if (filled < kStepUnits) fill_up(step, filled, rest);
  }

  // B's units of a step that has fewer than a register: what lies behind them may be other weights, or nobody's memory.
  void fill_up(MatrixStep& step, int64_t units, FilledUnits& filled) const {
    if (filled.of != step.b || filled.units != units || filled.panels < panels_) {
      for (int j = 0; j < panels_; ++j) {
        std::memcpy(filled.bytes[j], step.b + j * step.panel_bytes, static_cast<size_t>(units * kTileBytes));
        std::memset(filled.bytes[j] + units * kTileBytes, 0, static_cast<size_t>((kStepUnits - units) * kTileBytes));
      }
      filled.of = step.b;
      filled.units = units;
      filled.panels = panels_;
    }
    step.b = reinterpret_cast<const char*>(filled.bytes[0]);
    step.panel_bytes = sizeof(filled.bytes[0]);
  }

  static void copy_rows(const Piece* pieces, int count, int begin, int end, uint8_t* slot) {
    for (int row = begin; row < end; ++row) {
      __m512i bytes = _mm512_setzero_si512();
      for (int i = 0; i < count; ++i) {
        const auto at = reinterpret_cast<uintptr_t>(pieces[i].rows[row]) + static_cast<uintptr_t>(pieces[i].offset);
        bytes = _mm512_mask_loadu_epi8(bytes, pieces[i].mask, reinterpret_cast<const void*>(at));
      }
      _mm512_store_si512(slot + row * kTileBytes, bytes);
    }
  }

  void advance(int64_t units) {
    unit_ += units;
    if (unit_ < call_.k) return;
    unit_ = 0;
    ++segment_;
  }

  const TileCall& call_;
  int rows_[2];
  int panels_;
  int64_t bytes_;           // of a segment
  int64_t segment_ = 0, unit_ = 0;
  const void* const* known_ = nullptr;  // the rows that these are of
  bool even_[2] = {};
  int64_t stride_[2] = {};
};

template <int kHalves, int kPanels, Products kProducts>
inline __attribute__((always_inline)) void multiply_step(const MatrixStep& step) {
  load_tile<4>(step.a[0], step.a_stride[0]);
  load_tile<6>(step.b, kTileBytes);
  dot_tiles<0, 4, 6, kProducts>();
  if constexpr (kPanels > 1) {
    load_tile<7>(step.b + step.panel_bytes, kTileBytes);
    dot_tiles<1, 4, 7, kProducts>();
  }
  if constexpr (kHalves > 1) {
    load_tile<5>(step.a[1], step.a_stride[1]);
    dot_tiles<2, 5, 6, kProducts>();
    if constexpr (kPanels > 1) dot_tiles<3, 5, 7, kProducts>();
  }
  if constexpr (kPanels > 2) {
    load_tile<6>(step.b + 2 * step.panel_bytes, kTileBytes);
    dot_tiles<2, 4, 6, kProducts>();
  }
  if constexpr (kPanels > 3) {
    load_tile<7>(step.b + 3 * step.panel_bytes, kTileBytes);
    dot_tiles<3, 4, 7, kProducts>();
  }
}

template <int kHalves, int kPanels, Products kProducts>
void sum_matrices(const TileCall& call, int first) {
  alignas(64) uint8_t slots[kSlots][kHalves * kTileRows * kTileBytes];
  MatrixStep steps[kSlots];
  MatrixSteps source(call, first, kPanels);
  const char* prefetch = call.prefetch;
  int64_t made = 0;
  const auto make = [&](int64_t i) { return source.next(steps[i % kSlots], slots[i % kSlots], matrix_state.filled[i % kSlots]); };
  while (made < kAhead && make(made)) ++made;
  for (int64_t used = 0; used < made; ++used) {
    if (make(made)) ++made;
    if (call.prefetch_step != 0) {
      for (int i = 0; i < kStepUnits / 4; ++i, prefetch += call.prefetch_step) {
        prefetch_l2(prefetch);
        prefetch_l2(prefetch + 64);
      }
    }
    multiply_step<kHalves, kPanels, kProducts>(steps[used % kSlots]);
  }
}

// The sums of the registers, as rows of kPanels panels.
template <int kHalves, int kPanels>
inline void store_matrices(void* sums, int first) {
  auto* to = static_cast<char*>(sums);
  constexpr int64_t kRowBytes = kPanels * kPanel * 4, kPanelBytes = kPanel * 4;
  store_tile<0>(to, kRowBytes);
  if constexpr (kPanels > 1) store_tile<1>(to + kPanelBytes, kRowBytes);
  if constexpr (kPanels > 2 || kHalves > 1) store_tile<2>(to + (kHalves > 1 ? first * kRowBytes : 2 * kPanelBytes), kRowBytes);
  if constexpr (kPanels > 3 || (kHalves > 1 && kPanels > 1)) store_tile<3>(to + (kHalves > 1 ? first * kRowBytes + kPanelBytes : 3 * kPanelBytes), kRowBytes);
}

// Rows of the first register of A.
template <int kHalves>
inline int shape_for(const TileCall& call) {
  const int first = kHalves == 1 ? call.rows : (call.rows + 1) / 2;
  shape_matrices(first, kHalves == 1 ? first : call.rows - first);
  return first;
}

// A set of the tiles `one` register high, by panels, and `two`.
inline TileSet matrix_set(const TileFn (&one)[kMaxTilePanels], const TileFn (&two)[2]) {
  TileSet set{};
  set.panel_vectors = 1;
  set.whole_k = set.matrix = true;
  set.release = &release_matrices;
  set.max_panels = kMaxTilePanels;
  for (int j = 0; j < kMaxTilePanels; ++j) {
    set.max_rows[j] = set.best_rows[j] = j < 2 ? 2 * kTileRows : kTileRows;
    for (int r = 0; r < set.max_rows[j]; ++r) set.tile[j][r] = r < kTileRows ? one[j] : two[j];
  }
  return set;
}

}  // namespace
}  // namespace sinter::cpu
