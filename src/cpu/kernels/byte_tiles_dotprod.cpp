// Tiles of 8-bit values in Armv8.2's dot products (SDOT, UDOT): one instruction multiplies and adds four values of k
// for 4 columns, and takes the four values of A from any quarter of a register. There is none of unsigned by signed
// values (that is I8MM): signed A is multiplied as it is, and for unsigned A the weights become unsigned ones 128 more
// when they are loaded, whose share, 128 times the sum of A's row, is taken from the sums to begin with. Everything
// wraps around, so the results are those of every other instruction set.
//
// Tile shape: 6 rows x 4 vectors of sums, 16 bytes of each row, one vector of weights and the constant that flips it:
// all 32 registers.
#include "cpu/kernels/simd_portable.h"

#include <type_traits>

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

constexpr int kVectors = kPanel / kLanes;  // of sums, and of weights of one unit
constexpr int64_t kStepUnits = 4;          // 16 bytes of a row of A

// Sums, weights and rows of A where A is signed, and where it is unsigned. `kQuarter`: of a register of A.
struct SignedRows {
  using Sums = int32x4_t;
  using Values = int8x16_t;
  static Values weights(const uint8_t* p) { return vreinterpretq_s8_u8(vld1q_u8(p)); }
  static Values row(uint8x16_t a) { return vreinterpretq_s8_u8(a); }
  static Sums start(int32x4_t sums, uint32_t) { return sums; }
  static int32x4_t result(Sums sums) { return sums; }
  template <int kQuarter>
  static inline __attribute__((always_inline)) Sums add(Sums sums, Values weights, Values a) {
    return vdotq_laneq_s32(sums, weights, a, kQuarter);
  }
};
struct UnsignedRows {
  using Sums = uint32x4_t;
  using Values = uint8x16_t;
  static Values weights(const uint8_t* p) { return veorq_u8(vld1q_u8(p), vdupq_n_u8(0x80)); }
  static Values row(uint8x16_t a) { return a; }
  static Sums start(int32x4_t sums, uint32_t row_sum) {
    return vsubq_u32(vreinterpretq_u32_s32(sums), vdupq_n_u32(row_sum * 128));
  }
  static int32x4_t result(Sums sums) { return vreinterpretq_s32_u32(sums); }
  template <int kQuarter>
  static inline __attribute__((always_inline)) Sums add(Sums sums, Values weights, Values a) {
    return vdotq_laneq_u32(sums, weights, a, kQuarter);
  }
};

// One unit at a time, for packing (byte_tile_body.h).
struct Sums {
  int32x4_t of[kVectors];
};
struct PanelBytes {
  const uint8_t* from;
};

inline PanelBytes load_bytes(const void* p) { return {static_cast<const uint8_t*>(p)}; }
inline Sums start_sums(const int32_t* p) {
  return {{vld1q_s32(p), vld1q_s32(p + 4), vld1q_s32(p + 8), vld1q_s32(p + 12)}};
}
inline void store_sums(int32_t* p, const Sums& sums) {
  for (int i = 0; i < kVectors; ++i) vst1q_s32(p + i * kLanes, sums.of[i]);
}
inline Sums dot(Sums sums, uint32_t a, PanelBytes b) {
  const uint8x16_t four = vreinterpretq_u8_u32(vdupq_n_u32(a));
  const uint32_t row_sum = (a & 0xff) + (a >> 8 & 0xff) + (a >> 16 & 0xff) + (a >> 24);
  for (int i = 0; i < kVectors; ++i) {
    const uint32x4_t start = UnsignedRows::start(sums.of[i], row_sum);
    sums.of[i] = UnsignedRows::result(UnsignedRows::add<0>(start, UnsignedRows::weights(b.from + i * 16), four));
  }
  return sums;
}

}  // namespace
}  // namespace sinter::cpu

#include "cpu/kernels/byte_tiles_plain.h"
#include "cpu/kernels/depthwise_bytes_dotprod.h"

namespace sinter::cpu {
namespace {

// Of a row's bytes over all segments.
inline uint32_t row_sum(const TileCall& call, int r) {
  const int64_t bytes = call.tail != 0 ? (call.k - 1) * kUnitBytes + call.tail : call.k * kUnitBytes;
  const uint8x16_t ones = vdupq_n_u8(1);
  uint32x4_t sums = vdupq_n_u32(0);
  uint32_t rest = 0;
  for (int64_t s = 0; s < call.segment_count; ++s) {
    const auto* a = static_cast<const uint8_t*>(call.segments[s].rows[r]);
    int64_t i = 0;
    for (; i + 16 <= bytes; i += 16) sums = vdotq_u32(sums, vld1q_u8(a + i), ones);
    for (; i + kUnitBytes <= bytes; i += kUnitBytes)
      sums = vdotq_u32(sums, vreinterpretq_u8_u32(vsetq_lane_u32(load_unit(a + i), vdupq_n_u32(0), 0)), ones);
    for (; i < bytes; ++i) rest += a[i];
  }
  return vaddvq_u32(sums) + rest;
}

// Adds the products of one unit of a panel and kQuarter of each row's register.
template <typename Rows, int kQuarter, int kRows>
inline __attribute__((always_inline)) void add_unit(typename Rows::Sums (&acc)[kRows][kVectors],
                                                    const typename Rows::Values (&a)[kRows], const uint8_t* b) {
#pragma GCC unroll 4
  for (int i = 0; i < kVectors; ++i) {
    // One vector of weights after the other: more at a time leave no registers for the sums.
    __asm__ volatile("" ::: "memory");
    const typename Rows::Values weights = Rows::weights(b + i * 16);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) acc[r][i] = Rows::template add<kQuarter>(acc[r][i], weights, a[r]);
  }
}

template <typename Rows, int kRows>
inline __attribute__((always_inline)) void sum_segment(typename Rows::Sums (&acc)[kRows][kVectors],
                                                       const TileCall& call, const TileSegment& segment,
                                                       const char*& prefetch) {
  constexpr int64_t kUnitOfPanel = kPanel * kUnitBytes;
  const uint8_t* b = static_cast<const uint8_t*>(call.b) + segment.b_offset * kUnitBytes;
  const int64_t units = call.k, whole = units - (call.tail != 0 ? 1 : 0), prefetch_step = call.prefetch_step;
  const int tail = call.tail;
  const uint8_t* rows[kRows];
  typename Rows::Values a[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) rows[r] = static_cast<const uint8_t*>(segment.rows[r]);
  int64_t k = 0;
  for (; k + kStepUnits <= whole; k += kStepUnits) {
    __asm__ volatile("" : "+r"(k));  // one index for all rows (tile_body.h)
    prefetch_l2(prefetch);
    prefetch_l2(prefetch + 64);
    prefetch += prefetch_step;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) a[r] = Rows::row(vld1q_u8(rows[r] + k * kUnitBytes));
    add_unit<Rows, 0>(acc, a, b);
    add_unit<Rows, 1>(acc, a, b + kUnitOfPanel);
    add_unit<Rows, 2>(acc, a, b + 2 * kUnitOfPanel);
    add_unit<Rows, 3>(acc, a, b + 3 * kUnitOfPanel);
    b += kStepUnits * kUnitOfPanel;
  }
  for (; k < units; ++k, b += kUnitOfPanel) {
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const uint8_t* from = rows[r] + k * kUnitBytes;
      a[r] = Rows::row(vreinterpretq_u8_u32(vdupq_n_u32(k < whole ? load_unit(from) : load_tail(from, tail))));
    }
    add_unit<Rows, 0>(acc, a, b);
  }
}

template <typename Rows, int kRows>
void sum_rows(const TileCall& call, int32_t* sums) {
  const Sums start = start_sums(call.epilogue->bytes->start + call.col);
  typename Rows::Sums acc[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const uint32_t sum = std::is_same_v<Rows, UnsignedRows> ? row_sum(call, r) : 0;
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) acc[r][i] = Rows::start(start.of[i], sum);
  }
  const char* prefetch = call.prefetch;
  for (int64_t s = 0; s < call.segment_count; ++s) sum_segment<Rows>(acc, call, call.segments[s], prefetch);
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; ++i) vst1q_s32(sums + r * kPanel + i * kLanes, Rows::result(acc[r][i]));
  }
}

template <int kRows>
void dotprod_tile(const TileCall& call) {
  prefetch_results(call, kRows);
  int32_t sums[kRows * kPanel];
  if (call.a_signed)
    sum_rows<SignedRows, kRows>(call, sums);
  else
    sum_rows<UnsignedRows, kRows>(call, sums);
  finish_sums(sums, kPanel, kRows, call);
}

template <int kRows>
void fill_dotprod_tiles(TileFn (&row)[kMaxTileRows]) {
  if constexpr (kRows > 0) {
    row[kRows - 1] = &dotprod_tile<kRows>;
    fill_dotprod_tiles<kRows - 1>(row);
  }
}

}  // namespace

void add_byte_tiles_dotprod(KernelTable& table) {
  constexpr int kTileRows = 6;
  table.isa = Isa::kDotprod;
  table.bytes = empty_byte_tiles(kVectors);
  table.bytes.signed_a = true;
  table.bytes.max_panels = 1;
  table.bytes.max_rows[0] = table.bytes.best_rows[0] = kTileRows;
  fill_dotprod_tiles<kTileRows>(table.bytes.tile[0]);
  table.depthwise_bytes_row = &depthwise_dotprod_row;
  add_byte_helpers(table);
}

}  // namespace sinter::cpu
