// The products of dense.cu: one warp's share of a tile, from a stage in shared memory to accumulators, by tensor cores (MATH 0: 16-bit
// types and 8-bit integers, 1: tf32) or by FMA in f32 (MATH 2). Uses dense.cu's compile-time names.
//
// A warp's accumulators go out in strips (strip.h): write_strip puts rows kStripRows * i … of the warp's tile into shared memory, row by row.
#pragma once

constexpr int kWarpM = BM / WARPS_M, kWarpN = BN / WARPS_N;
constexpr int kStripRows = 16, kStrips = kWarpM / kStripRows;
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
#if INTEGERS
    for (int i = 0; i < kStrips * 4; ++i) row_sums_[i / 4][i % 4] = 0;
    for (int i = 0; i < kWarpN / 2; ++i) column_sums_[i / 4][i % 4] = 0;
#endif
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
#if INTEGERS && B_ROWS
#pragma unroll
    for (int j = 0; j < kWarpN / 32; ++j) fetch_bytes(set, stage_b, step, j);
    return;
#endif
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
        Product::add(c_[i][j], fa_[set][i], fb_[set][j / 2][j % 2 * 2], fb_[set][j / 2][j % 2 * 2 + 1]);
#if INTEGERS
    constexpr u32 kOnes = 0x01010101u;
    constexpr u32 ones[4] = {kOnes, kOnes, kOnes, kOnes};
#pragma unroll
    for (int i = 0; B_ZERO && i < kStrips; ++i) Product::add(row_sums_[i], fa_[set][i], kOnes, kOnes);
#pragma unroll
    for (int j = 0; A_ZERO == 2 && j < kWarpN / 8; ++j)
      Product::add(column_sums_[j], ones, fb_[set][j / 2][j % 2 * 2], fb_[set][j / 2][j % 2 * 2 + 1]);
#endif
  }

#if INTEGERS
  // Products of values become those of values less their zero points; the sums are of k_count elements.
  SINTER_METHOD void correct(const DenseParams& p, int first_column, int inner, int k_count) {
#pragma unroll
    for (int j = 0; j < kWarpN / 8; ++j)
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const int column = first_column + column_of(j, e);
        u32 zero = 0, all_rows = 0;
#if B_ZERO == 1
        if (column < p.n) zero = (u32)((const i32*)p.b_zero)[inner * p.table_inner + column];
#elif B_ZERO == 2
        if (column < p.n) zero = (u32)(i32)((const TYPE_B*)p.b_zero)[column * p.b_zero_step];
#endif
#if A_ZERO == 2
        all_rows = (u32)(i32)*(const TYPE*)p.a_zero * ((u32)column_sums_[j][e] - (u32)k_count * zero);
#endif
#pragma unroll
        for (int i = 0; i < kStrips; ++i)
#pragma unroll
          for (int half = 0; half < 4; half += 2) c_[i][j][e + half] = (i32)((u32)c_[i][j][e + half] - zero * (u32)row_sums_[i][half] - all_rows);
      }
  }
#endif

  // Rows of kLine floats.
  template <int kLine>
  SINTER_METHOD void write_strip(int i, u32 to) const {
#if INTEGERS && B_ROWS
    to += ((lane() >> 2) * kLine + (lane() & 3) * 4) * 4;
#pragma unroll
    for (int j = 0; j < kWarpN / 8; j += 4)
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const Vec<f32, 4> v{carried(c_[i][j][e]), carried(c_[i][j + 1][e]), carried(c_[i][j + 2][e]), carried(c_[i][j + 3][e])};
        store_shared_f32x4(to + (e / 2 * 8 * kLine + strip_word<kLine>(j * 8 + e % 2 * 4)) * 4, v);
      }
#else
    to += ((lane() >> 2) * kLine + strip_word<kLine>((lane() & 3) * 2)) * 4;
#pragma unroll
    for (int j = 0; j < kWarpN / 8; ++j) {
      store_shared_f32x2(to + j * 16, carried(c_[i][j][0]), carried(c_[i][j][1]));
      store_shared_f32x2(to + (8 * kLine + j * 4) * 4, carried(c_[i][j][2]), carried(c_[i][j][3]));
    }
#endif
  }
  SINTER_METHOD Sum& accumulator(int i) { return c_[i / 4 / (kWarpN / 8)][i / 4 % (kWarpN / 8)][i % 4]; }

 private:
#if INTEGERS
  using Product = ByteProduct<TYPE, TYPE_B>;
#else
  using Product = TileProduct<TYPE>;
#endif
#if INTEGERS && B_ROWS
  static_assert(kWarpN % 32 == 0, "B[k][n] of bytes is read 32 columns at a time");
  // Of columns 32 j … 32 j + 31: lane / 4 has four neighbouring columns of four neighbouring rows, so the eight columns of product t are every fourth.
  SINTER_METHOD void fetch_bytes(int set, u32 stage, int step, int j) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      u32 w[4];
#pragma unroll
      for (int e = 0; e < 4; ++e) {
        const int k = step * 32 + half * 16 + (lane() & 3) * 4 + e, n = column_ + j * 32 + (lane() >> 2) * 4;
        w[e] = load_shared_word(stage + k * BN + LoaderB::keep(k, n / 16) * 16 + n % 16);
      }
      const u32 low01 = byte_permute(w[0], w[1], 0x5140u), low23 = byte_permute(w[2], w[3], 0x5140u);
      const u32 high01 = byte_permute(w[0], w[1], 0x7362u), high23 = byte_permute(w[2], w[3], 0x7362u);
      fb_[set][2 * j][half] = byte_permute(low01, low23, 0x5410u);
      fb_[set][2 * j][2 + half] = byte_permute(low01, low23, 0x7632u);
      fb_[set][2 * j + 1][half] = byte_permute(high01, high23, 0x5410u);
      fb_[set][2 * j + 1][2 + half] = byte_permute(high01, high23, 0x7632u);
    }
  }
  static SINTER_METHOD int column_of(int j, int e) { return j / 4 * 32 + (lane() & 3) * 8 + e * 4 + j % 4; }
#elif INTEGERS
  static SINTER_METHOD int column_of(int j, int e) { return j * 8 + (lane() & 3) * 2 + e; }
#endif
  // Of columns 16 j … 16 j + 15: registers 0, 1 are the first eight columns' fragment, 2, 3 the others'.
  SINTER_METHOD void fetch_b(u32 (&out)[4], u32 stage, int step, int j) {
#if !B_ROWS
    load_matrix(out, stage + j * 16 * kRowBytes + (b_ ^ step * 32));
#elif INTEGERS
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

  Sum c_[kStrips][kWarpN / 8][4];
#if INTEGERS
  i32 row_sums_[kStrips][4], column_sums_[kWarpN / 8][4];
#endif
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
        store_shared_f32(to + ((i * 4 + (lane() >> 3)) * kLine + strip_word<kLine>(column)) * 4, c_[strip * 4 + i][j]);
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
