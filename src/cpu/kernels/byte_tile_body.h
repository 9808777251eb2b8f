// The batch-reduce micro-kernel of 8-bit values: u8 rows of A times s8 panels of B, exact sums in 32 bits.
//
// Included after a simd_*.h and the file's own definition of
//   Sums                                   16 sums of one row and panel
//   PanelBytes load_bytes(const void*)     one unit of a panel: four values of k for each of 16 columns
//   Sums start_sums(const int32_t*)        the sums to begin with
//   Sums dot(Sums, uint32_t a, PanelBytes) adds four products to each sum
//   void store_sums(int32_t*, Sums)        the 16 sums in order
//   kFoldsInRegisters, store_folded        ByteEpilogue::folded for a whole tile in registers
// A panel holds for each unit 64 bytes: column c's four values at 4 c, zero beyond the last k and the last column.
#pragma once

#include <cstring>

#include "cpu/kernels/byte_finish_body.h"
#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

// The four bytes at p, or its first `count` with zeros behind them.
inline uint32_t load_unit(const uint8_t* p) {
  uint32_t unit;
  std::memcpy(&unit, p, 4);
  return unit;
}
inline uint32_t load_tail(const uint8_t* p, int count) {
  uint32_t unit = p[0];
  if (count > 1) unit |= uint32_t{p[1]} << 8;
  if (count > 2) unit |= uint32_t{p[2]} << 16;
  return unit;
}

// The sum over one segment.
template <int kRows, int kPanels>
inline __attribute__((always_inline)) void sum_byte_segment(Sums (&acc)[kRows][kPanels], const TileCall& call,
                                                            const TileSegment& segment, const char*& prefetch) {
  const char* b = static_cast<const char*>(call.b) + segment.b_offset * kUnitBytes;
  const int64_t panel_bytes = call.panel_stride * kUnitBytes, whole = call.k - (call.tail != 0 ? 1 : 0);
  const uint8_t* a[kRows];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) a[r] = static_cast<const uint8_t*>(segment.rows[r]);
  const auto step = [&](int64_t k, const char* from) __attribute__((always_inline)) {
    PanelBytes bv[kPanels];
#pragma GCC unroll 4
    for (int j = 0; j < kPanels; ++j) bv[j] = load_bytes(from + j * panel_bytes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const uint32_t av = load_unit(a[r] + k * kUnitBytes);
#pragma GCC unroll 4
      for (int j = 0; j < kPanels; ++j) acc[r][j] = dot(acc[r][j], av, bv[j]);
    }
  };
  constexpr int64_t kStepBytes = kPanel * kUnitBytes;
  int64_t k = 0;
  for (; k + 4 <= whole; k += 4) {
    __asm__ volatile("" : "+r"(k));  // one index for all rows (tile_body.h)
    prefetch_l2(prefetch);
    prefetch_l2(prefetch + 64);
    prefetch += call.prefetch_step;
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) step(k + u, b + u * kStepBytes);
    b += 4 * kStepBytes;
  }
  for (; k < whole; ++k, b += kStepBytes) step(k, b);
  if (call.tail == 0) return;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    const uint32_t av = load_tail(a[r] + k * kUnitBytes, call.tail);
#pragma GCC unroll 4
    for (int j = 0; j < kPanels; ++j) acc[r][j] = dot(acc[r][j], av, load_bytes(b + j * panel_bytes));
  }
}

template <int kRows, int kPanels>
void byte_tile(const TileCall& call) {
  Sums acc[kRows][kPanels];
  const ByteEpilogue& e = *call.epilogue->bytes;
#pragma GCC unroll 4
  for (int j = 0; j < kPanels; ++j) {
    const Sums start = start_sums(e.start + call.col + j * kPanel);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) acc[r][j] = start;
  }
  prefetch_results(call, kRows);
  const char* prefetch = call.prefetch;
  for (int64_t s = 0; s < call.segment_count; ++s) sum_byte_segment(acc, call, call.segments[s], prefetch);
  if (kFoldsInRegisters && e.folded) return store_folded(acc, call, e);
  int32_t sums[kRows * kPanels * kPanel];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int j = 0; j < kPanels; ++j) store_sums(sums + (r * kPanels + j) * kPanel, acc[r][j]);
  }
  finish_sums(sums, kPanels * kPanel, kRows, call);
}

template <int kPanels, int kRows>
void fill_byte_tiles(TileFn (&row)[kMaxTileRows]) {
  if constexpr (kRows > 0) {
    row[kRows - 1] = &byte_tile<kRows, kPanels>;
    fill_byte_tiles<kPanels, kRows - 1>(row);
  }
}

template <int kPanels, int kRows>
void add_byte_width(TileSet& set) {
  set.max_panels = kPanels;
  set.max_rows[kPanels - 1] = set.best_rows[kPanels - 1] = kRows;
  fill_byte_tiles<kPanels, kRows>(set.tile[kPanels - 1]);
}

void flip_bytes(const uint8_t* source, uint8_t* target, int64_t n) {
  for (int64_t i = 0; i < n; ++i) target[i] = source[i] ^ 0x80;
}

typedef uint8_t Bytes16 __attribute__((vector_size(16)));

// Four rows of 16 values, column by column.
inline void interleave_rows(const uint8_t* src, int64_t stride, uint8_t flip, int8_t* dst) {
  Bytes16 rows[4];
  for (int i = 0; i < 4; ++i) {
    std::memcpy(&rows[i], src + i * stride, 16);
    rows[i] ^= flip;
  }
  const Bytes16 low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23}, high = low + 8;
  const Bytes16 low_pairs = {0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23}, high_pairs = low_pairs + 8;
  const Bytes16 a = __builtin_shuffle(rows[0], rows[1], low), b = __builtin_shuffle(rows[2], rows[3], low);
  const Bytes16 c = __builtin_shuffle(rows[0], rows[1], high), d = __builtin_shuffle(rows[2], rows[3], high);
  const Bytes16 columns[4] = {__builtin_shuffle(a, b, low_pairs), __builtin_shuffle(a, b, high_pairs), __builtin_shuffle(c, d, low_pairs),
                              __builtin_shuffle(c, d, high_pairs)};
  std::memcpy(dst, columns, sizeof(columns));
}

void pack_byte_panel(const uint8_t* src, int64_t src_stride, int64_t k, int cols, bool is_unsigned, int8_t* dst, int32_t* sums) {
  static constexpr int32_t kZeros[kPanel] = {};
  const uint8_t flip = is_unsigned ? 0x80 : 0;
  Sums total = start_sums(kZeros);
  for (int64_t i = 0; i < k; i += kUnitBytes, dst += kPanel * kUnitBytes) {
    const int64_t rows = k - i < kUnitBytes ? k - i : kUnitBytes;
    if (rows == kUnitBytes && cols == kPanel) {
      interleave_rows(src + i * src_stride, src_stride, flip, dst);
    } else {
      std::memset(dst, 0, kPanel * kUnitBytes);
      for (int64_t u = 0; u < rows; ++u) {
        for (int j = 0; j < cols; ++j) dst[j * kUnitBytes + u] = static_cast<int8_t>(src[(i + u) * src_stride + j] ^ flip);
      }
    }
    total = dot(total, 0x01010101u, load_bytes(dst));
  }
  store_sums(sums, total);
}

void interleave_three(const uint8_t* source, int64_t plane, int64_t n, uint8_t flip, uint8_t* target) {
  // Element i of the k-th vector of results is value (16 k + i) / 3 of plane (16 k + i) % 3; indices of 16 and more are the second operand's.
  const Bytes16 first[3] = {{0, 16, 0, 1, 17, 0, 2, 18, 0, 3, 19, 0, 4, 20, 0, 5}, {21, 0, 6, 22, 0, 7, 23, 0, 8, 24, 0, 9, 25, 0, 10, 26},
                            {0, 11, 27, 0, 12, 28, 0, 13, 29, 0, 14, 30, 0, 15, 31, 0}};
  const Bytes16 third[3] = {{0, 1, 16, 3, 4, 17, 6, 7, 18, 9, 10, 19, 12, 13, 20, 15}, {0, 21, 2, 3, 22, 5, 6, 23, 8, 9, 24, 11, 12, 25, 14, 15},
                            {26, 1, 2, 27, 4, 5, 28, 7, 8, 29, 10, 11, 30, 13, 14, 31}};
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    Bytes16 planes[3];
    for (int c = 0; c < 3; ++c) {
      std::memcpy(&planes[c], source + c * plane + i, 16);
      planes[c] ^= flip;
    }
#pragma GCC unroll 3
    for (int k = 0; k < 3; ++k) {
      const Bytes16 mixed = __builtin_shuffle(__builtin_shuffle(planes[0], planes[1], first[k]), planes[2], third[k]);
      std::memcpy(target + 3 * i + 16 * k, &mixed, 16);
    }
  }
  for (; i < n; ++i) {
    for (int c = 0; c < 3; ++c) target[3 * i + c] = source[c * plane + i] ^ flip;
  }
}

template <typename T>
void max_of_taps(const uint8_t* const* taps, int count, int64_t n, uint8_t* to) {
  typedef T Values __attribute__((vector_size(64)));
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    Values best;
    std::memcpy(&best, taps[0] + i, 64);
    for (int t = 1; t < count; ++t) {
      Values other;
      std::memcpy(&other, taps[t] + i, 64);
      best = best > other ? best : other;
    }
    std::memcpy(to + i, &best, 64);
  }
  for (; i < n; ++i) {
    auto best = static_cast<T>(taps[0][i]);
    for (int t = 1; t < count; ++t) best = static_cast<T>(taps[t][i]) > best ? static_cast<T>(taps[t][i]) : best;
    to[i] = static_cast<uint8_t>(best);
  }
}

void max_bytes(const uint8_t* const* taps, int count, int64_t n, bool is_signed, uint8_t* to) {
  if (is_signed) max_of_taps<int8_t>(taps, count, n, to);
  else max_of_taps<uint8_t>(taps, count, n, to);
}

constexpr int64_t kSummedPixels = 256;  // bytes whose sum fits in 16 bits

// Up to 64 columns.
inline void sum_byte_columns(const uint8_t* source, int64_t stride, int64_t pixels, int64_t n, uint8_t flip, int64_t* sums) {
  for (int64_t p = 0; p < pixels; p += kSummedPixels) {
    const int64_t end = p + kSummedPixels < pixels ? p + kSummedPixels : pixels;
    alignas(64) uint16_t part[64] = {};
#if defined(__AVX512BW__)
    const __mmask64 mask = n >= 64 ? ~__mmask64{0} : (__mmask64{1} << n) - 1;
    const __m512i flips = _mm512_set1_epi8(static_cast<char>(flip));
    __m512i low = _mm512_setzero_si512(), high = low;
    for (int64_t q = p; q < end; ++q) {
      const __m512i bytes = _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, source + q * stride), flips);
      low = _mm512_add_epi16(low, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes)));
      high = _mm512_add_epi16(high, _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1)));
    }
    _mm512_store_si512(part, low);
    _mm512_store_si512(part + 32, high);
#else
    for (int64_t q = p; q < end; ++q) {
      const uint8_t* pixel = source + q * stride;
      for (int64_t c = 0; c < n; ++c) part[c] = static_cast<uint16_t>(part[c] + static_cast<uint8_t>(pixel[c] ^ flip));
    }
#endif
    for (int64_t c = 0; c < n; ++c) sums[c] += part[c];
  }
}

void sum_bytes(const uint8_t* source, int64_t stride, int64_t pixels, int64_t n, uint8_t flip, int64_t* sums) {
  for (int64_t c = 0; c < n; c += 64) sum_byte_columns(source + c, stride, pixels, n - c < 64 ? n - c : 64, flip, sums + c);
}

TileSet empty_byte_tiles(int panel_vectors) {
  TileSet set{};
  set.panel_vectors = panel_vectors;
  set.whole_k = true;
  return set;
}

// Everything of 8-bit values but the tiles and the depthwise rows.
void add_byte_helpers(KernelTable& table) {
  table.pack_byte_panel = &pack_byte_panel;
  table.max_bytes = &max_bytes;
  table.sum_bytes = &sum_bytes;
  table.interleave_three = &interleave_three;
  table.flip_bytes = &flip_bytes;
}

}  // namespace
}  // namespace sinter::cpu
