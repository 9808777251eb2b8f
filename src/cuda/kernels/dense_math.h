// The products of dense.cu: one warp's share of a tile, from a stage in shared memory to accumulators, by tensor cores (MATH 0: 16-bit
// types, 1: tf32) or by FMA in f32 (MATH 2). Uses dense.cu's compile-time names.
//
// A warp's accumulators go out in strips of 16 rows: write_strip puts rows 16 i … 16 i + 15 of the warp's tile into shared memory, row by row.
#pragma once

constexpr int kWarpM = BM / WARPS_M, kWarpN = BN / WARPS_N;
constexpr int kStrips = kWarpM / 16;
constexpr int kLineFloats = kWarpN + 8;  // of a strip's row: stores of 8 rows fall into different banks
static_assert(kWarpM % 16 == 0 && kWarpN % 16 == 0, "a warp's tile is made of 16x16 products");

#if MATH != 2
class Math {
 public:
  static constexpr int kSteps = kRowBytes / 32;
  static constexpr int kFloats = kStrips * (kWarpN / 8) * 4;  // accumulators of a thread

  SINTER_METHOD void start(int warp_m, int warp_n) {
    const int l = lane();
    const int a_row = warp_m * kWarpM + l % 16;
    a_ = a_row * kRowBytes + swizzle<kChunks>(a_row, l / 16) * 16;
#if !B_ROWS
    const int b_row = warp_n * kWarpN + (l & 7) + (l >> 4) * 8;
    b_ = b_row * kRowBytes + swizzle<kChunks>(b_row, l >> 3 & 1) * 16;
#else
    column_ = warp_n * kWarpN;
#endif
#pragma unroll
    for (int i = 0; i < kStrips; ++i)
      for (int j = 0; j < kWarpN / 8; ++j)
        for (int e = 0; e < 4; ++e) c_[i][j][e] = 0;
  }

  // Fragments of k step `step` into set `set`.
  SINTER_METHOD void fetch(int set, u32 stage_a, u32 stage_b, int step) {
#pragma unroll
    for (int i = 0; i < kStrips; ++i) {
      load_matrix(fa_[set][i], stage_a + i * 16 * kRowBytes + (a_ ^ step * 32));
      if (MATH == 1) {
        for (int e = 0; e < 4; ++e) fa_[set][i][e] = to_tf32(f32_of(fa_[set][i][e]));
      }
    }
#pragma unroll
    for (int j = 0; j < kWarpN / 16; ++j) {
      fetch_b(fb_[set][j], stage_b, step, j);
      if (MATH == 1 && ROUND_B) {
        for (int e = 0; e < 4; ++e) fb_[set][j][e] = to_tf32(f32_of(fb_[set][j][e]));
      }
    }
  }
  SINTER_METHOD void multiply(int set) {
#pragma unroll
    for (int i = 0; i < kStrips; ++i)
#pragma unroll
      for (int j = 0; j < kWarpN / 8; ++j)
        TileProduct<TYPE>::add(c_[i][j], fa_[set][i], fb_[set][j / 2][j % 2 * 2], fb_[set][j / 2][j % 2 * 2 + 1]);
  }

  // Rows of kLine floats.
  template <int kLine>
  SINTER_METHOD void write_strip(int i, u32 to) const {
    to += ((lane() >> 2) * kLine + (lane() & 3) * 2) * 4;
#pragma unroll
    for (int j = 0; j < kWarpN / 8; ++j) {
      store_shared_f32x2(to + j * 32, c_[i][j][0], c_[i][j][1]);
      store_shared_f32x2(to + (8 * kLine + j * 8) * 4, c_[i][j][2], c_[i][j][3]);
    }
  }
  SINTER_METHOD f32& accumulator(int i) { return c_[i / 4 / (kWarpN / 8)][i / 4 % (kWarpN / 8)][i % 4]; }

 private:
  // Of columns 16 j … 16 j + 15: registers 0, 1 are the first eight columns' fragment, 2, 3 the others'.
  SINTER_METHOD void fetch_b(u32 (&out)[4], u32 stage, int step, int j) {
#if !B_ROWS
    load_matrix(out, stage + j * 16 * kRowBytes + (b_ ^ step * 32));
#elif MATH == 0
    const int k = step * 16 + (lane() & 15), chunk = (column_ + j * 16) / 8 + (lane() >> 4);
    load_matrix_transposed(out, stage + k * (BN * kElement) + LoaderB::keep(k, chunk) * 16);
#else
#pragma unroll
    for (int e = 0; e < 4; ++e) {
      const int k = step * 8 + (lane() & 3) + e % 2 * 4, n = column_ + j * 16 + e / 2 * 8 + (lane() >> 2);
      out[e] = load_shared_word(stage + k * (BN * kElement) + LoaderB::keep(k, n / 4) * 16 + n % 4 * 4);
    }
#endif
  }

  f32 c_[kStrips][kWarpN / 8][4];
  u32 fa_[2][kStrips][4], fb_[2][kWarpN / 16][4];
  u32 a_, b_;
  int column_;
};
#else
// Lanes form a grid of 4 (along m) by 8 (along n). Exactly rounded f32 products in the order of k, as the CPU's.
class Math {
 public:
  static constexpr int kSteps = kRowBytes / 16;  // four k each
  static constexpr int kM = kWarpM / 4, kN = kWarpN / 8;
  static constexpr int kFloats = kM * kN;

  SINTER_METHOD void start(int warp_m, int warp_n) {
    row_ = warp_m * kWarpM + (lane() >> 3);
    column_ = warp_n * kWarpN;
#pragma unroll
    for (int i = 0; i < kM; ++i)
      for (int j = 0; j < kN; ++j) c_[i][j] = 0;
  }
  SINTER_METHOD void fetch(int set, u32 stage_a, u32 stage_b, int step) {
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      const int row = row_ + i * 4;
      fa_[set][i] = load_shared_f32x4(stage_a + row * kRowBytes + swizzle<kChunks>(row, step) * 16);
    }
#pragma unroll
    for (int j = 0; j < kN; ++j) {
#if B_ROWS
      // Set j holds columns 4 (j % (kN / 4)) … + 3 of this lane at k = step * 4 + j / (kN / 4).
      const int k = step * 4 + j / (kN / 4), chunk = column_ / 4 + j % (kN / 4) * 8 + (lane() & 7);
      fb_[set][j] = load_shared_f32x4(stage_b + k * (BN * kElement) + LoaderB::keep(k, chunk) * 16);
#else
      const int row = column_ + j * 8 + (lane() & 7);
      fb_[set][j] = load_shared_f32x4(stage_b + row * kRowBytes + swizzle<kChunks>(row, step) * 16);
#endif
    }
  }
  SINTER_METHOD void multiply(int set) {
#pragma unroll
    for (int k = 0; k < 4; ++k)
#pragma unroll
      for (int i = 0; i < kM; ++i)
#pragma unroll
        for (int j = 0; j < kN; ++j) {
#if B_ROWS
          const f32 b = fb_[set][k * (kN / 4) + j / 4].at[j % 4];
#else
          const f32 b = fb_[set][j].at[k];
#endif
          c_[i][j] = fmaf(fa_[set][i].at[k], b, c_[i][j]);
        }
  }
  template <int kLine>
  SINTER_METHOD void write_strip(int strip, u32 to) const {
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
      for (int j = 0; j < kN; ++j) {
        const int column = B_ROWS ? j / 4 * 32 + (lane() & 7) * 4 + j % 4 : j * 8 + (lane() & 7);
        store_shared_f32(to + ((i * 4 + (lane() >> 3)) * kLine + column) * 4, c_[strip * 4 + i][j]);
      }
  }
  SINTER_METHOD f32& accumulator(int i) { return c_[i / kN][i % kN]; }

 private:
  static_assert(!B_ROWS || kN % 4 == 0, "B[k][n] is read four columns at a time");
  f32 c_[kM][kN];
  Vec<f32, 4> fa_[2][kM], fb_[2][kN];
  int row_, column_;
};
#endif
