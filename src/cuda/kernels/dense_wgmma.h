// The products of dense.cu by Hopper's asynchronous matrix instructions (MATH 3, sm_90a): both operands from shared memory, a warpgroup of four
// warps for 64 rows and all BN columns. The loaders' swizzle of rows of 128 bytes is the one the instructions know. Uses dense.cu's compile-time names.
//
// Warps are numbered along m, 16 rows each, so that results go out as those of dense_math.h.
#pragma once

constexpr int kWarpM = 16, kWarpN = BN;
constexpr int kStripRows = STAYS ? 8 : 16, kStrips = kWarpM / kStripRows;
static_assert(WARPS_M * 16 == BM && WARPS_N == 1 && WARPS_M % 4 == 0, "a warpgroup has 64 rows");
static_assert(kRowBytes == 128 && !B_ROWS && (BN == 32 || BN == 64 || BN == 128 || BN == 256), "tiles as the instructions read them");

// Rows of 128 bytes in groups of eight, swizzled; `address` and the distance of groups (1024) count in 16 bytes.
SINTER_DEVICE u64 tile_descriptor(u32 address) {
  return (u64)(address >> 4 & 0x3fff) | (u64)1 << 16 | (u64)(1024 >> 4) << 32 | (u64)1 << 62;
}
SINTER_DEVICE void matrix_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
SINTER_DEVICE void matrix_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int kPending>
SINTER_DEVICE void matrix_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}
// What this thread has written to shared memory can be read by the matrix instructions after the next barrier.
SINTER_DEVICE void publish_to_matrices() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#define SINTER_NAME_f16 "f16"
#define SINTER_NAME_bf16 "bf16"
#define SINTER_NAME_i8 "s8"
#define SINTER_NAME_u8 "u8"
#define SINTER_NAME_OF(type) SINTER_NAME_##type
#define SINTER_ELEMENT_NAME(type) SINTER_NAME_OF(type)
#if INTEGERS
#define SINTER_SUM(sum) "+r"(sum)
#define SINTER_KIND "k32.s32."
#define SINTER_SIGNS ""
#else
#define SINTER_SUM(sum) "+f"(sum)
#define SINTER_KIND "k16.f32."
#define SINTER_SIGNS ", 1, 1, 0, 0"
#endif
#define SINTER_WGMMA(columns) \
  "{\n.reg .pred p;\nsetp.ne.b32 p, 1, 0;\nwgmma.mma_async.sync.aligned.m64n" columns SINTER_KIND SINTER_ELEMENT_NAME(TYPE) "." SINTER_ELEMENT_NAME(TYPE_B) " "
#if BN == 32
SINTER_DEVICE void multiply_tiles(Sum (&c)[4][4], u64 a, u64 b) {
  asm volatile(SINTER_WGMMA("32")
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15}, %16, %17, p" SINTER_SIGNS ";\n}\n"
               : SINTER_SUM(c[0][0]), SINTER_SUM(c[0][1]), SINTER_SUM(c[0][2]), SINTER_SUM(c[0][3]),
                 SINTER_SUM(c[1][0]), SINTER_SUM(c[1][1]), SINTER_SUM(c[1][2]), SINTER_SUM(c[1][3]),
                 SINTER_SUM(c[2][0]), SINTER_SUM(c[2][1]), SINTER_SUM(c[2][2]), SINTER_SUM(c[2][3]),
                 SINTER_SUM(c[3][0]), SINTER_SUM(c[3][1]), SINTER_SUM(c[3][2]), SINTER_SUM(c[3][3])
               : "l"(a), "l"(b));
}
#elif BN == 64
SINTER_DEVICE void multiply_tiles(Sum (&c)[8][4], u64 a, u64 b) {
  asm volatile(SINTER_WGMMA("64")
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}, %32, %33, p" SINTER_SIGNS ";\n}\n"
               : SINTER_SUM(c[0][0]), SINTER_SUM(c[0][1]), SINTER_SUM(c[0][2]), SINTER_SUM(c[0][3]),
                 SINTER_SUM(c[1][0]), SINTER_SUM(c[1][1]), SINTER_SUM(c[1][2]), SINTER_SUM(c[1][3]),
                 SINTER_SUM(c[2][0]), SINTER_SUM(c[2][1]), SINTER_SUM(c[2][2]), SINTER_SUM(c[2][3]),
                 SINTER_SUM(c[3][0]), SINTER_SUM(c[3][1]), SINTER_SUM(c[3][2]), SINTER_SUM(c[3][3]),
                 SINTER_SUM(c[4][0]), SINTER_SUM(c[4][1]), SINTER_SUM(c[4][2]), SINTER_SUM(c[4][3]),
                 SINTER_SUM(c[5][0]), SINTER_SUM(c[5][1]), SINTER_SUM(c[5][2]), SINTER_SUM(c[5][3]),
                 SINTER_SUM(c[6][0]), SINTER_SUM(c[6][1]), SINTER_SUM(c[6][2]), SINTER_SUM(c[6][3]),
                 SINTER_SUM(c[7][0]), SINTER_SUM(c[7][1]), SINTER_SUM(c[7][2]), SINTER_SUM(c[7][3])
               : "l"(a), "l"(b));
}
#elif BN == 128
SINTER_DEVICE void multiply_tiles(Sum (&c)[16][4], u64 a, u64 b) {
  asm volatile(SINTER_WGMMA("128")
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, %64, %65, p" SINTER_SIGNS ";\n}\n"
               : SINTER_SUM(c[0][0]), SINTER_SUM(c[0][1]), SINTER_SUM(c[0][2]), SINTER_SUM(c[0][3]),
                 SINTER_SUM(c[1][0]), SINTER_SUM(c[1][1]), SINTER_SUM(c[1][2]), SINTER_SUM(c[1][3]),
                 SINTER_SUM(c[2][0]), SINTER_SUM(c[2][1]), SINTER_SUM(c[2][2]), SINTER_SUM(c[2][3]),
                 SINTER_SUM(c[3][0]), SINTER_SUM(c[3][1]), SINTER_SUM(c[3][2]), SINTER_SUM(c[3][3]),
                 SINTER_SUM(c[4][0]), SINTER_SUM(c[4][1]), SINTER_SUM(c[4][2]), SINTER_SUM(c[4][3]),
                 SINTER_SUM(c[5][0]), SINTER_SUM(c[5][1]), SINTER_SUM(c[5][2]), SINTER_SUM(c[5][3]),
                 SINTER_SUM(c[6][0]), SINTER_SUM(c[6][1]), SINTER_SUM(c[6][2]), SINTER_SUM(c[6][3]),
                 SINTER_SUM(c[7][0]), SINTER_SUM(c[7][1]), SINTER_SUM(c[7][2]), SINTER_SUM(c[7][3]),
                 SINTER_SUM(c[8][0]), SINTER_SUM(c[8][1]), SINTER_SUM(c[8][2]), SINTER_SUM(c[8][3]),
                 SINTER_SUM(c[9][0]), SINTER_SUM(c[9][1]), SINTER_SUM(c[9][2]), SINTER_SUM(c[9][3]),
                 SINTER_SUM(c[10][0]), SINTER_SUM(c[10][1]), SINTER_SUM(c[10][2]), SINTER_SUM(c[10][3]),
                 SINTER_SUM(c[11][0]), SINTER_SUM(c[11][1]), SINTER_SUM(c[11][2]), SINTER_SUM(c[11][3]),
                 SINTER_SUM(c[12][0]), SINTER_SUM(c[12][1]), SINTER_SUM(c[12][2]), SINTER_SUM(c[12][3]),
                 SINTER_SUM(c[13][0]), SINTER_SUM(c[13][1]), SINTER_SUM(c[13][2]), SINTER_SUM(c[13][3]),
                 SINTER_SUM(c[14][0]), SINTER_SUM(c[14][1]), SINTER_SUM(c[14][2]), SINTER_SUM(c[14][3]),
                 SINTER_SUM(c[15][0]), SINTER_SUM(c[15][1]), SINTER_SUM(c[15][2]), SINTER_SUM(c[15][3])
               : "l"(a), "l"(b));
}
#elif BN == 256
SINTER_DEVICE void multiply_tiles(Sum (&c)[32][4], u64 a, u64 b) {
  asm volatile(SINTER_WGMMA("256")
               "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, "
               "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, "
               "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "
               "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, "
               "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, %128, %129, p" SINTER_SIGNS ";\n}\n"
               : SINTER_SUM(c[0][0]), SINTER_SUM(c[0][1]), SINTER_SUM(c[0][2]), SINTER_SUM(c[0][3]),
                 SINTER_SUM(c[1][0]), SINTER_SUM(c[1][1]), SINTER_SUM(c[1][2]), SINTER_SUM(c[1][3]),
                 SINTER_SUM(c[2][0]), SINTER_SUM(c[2][1]), SINTER_SUM(c[2][2]), SINTER_SUM(c[2][3]),
                 SINTER_SUM(c[3][0]), SINTER_SUM(c[3][1]), SINTER_SUM(c[3][2]), SINTER_SUM(c[3][3]),
                 SINTER_SUM(c[4][0]), SINTER_SUM(c[4][1]), SINTER_SUM(c[4][2]), SINTER_SUM(c[4][3]),
                 SINTER_SUM(c[5][0]), SINTER_SUM(c[5][1]), SINTER_SUM(c[5][2]), SINTER_SUM(c[5][3]),
                 SINTER_SUM(c[6][0]), SINTER_SUM(c[6][1]), SINTER_SUM(c[6][2]), SINTER_SUM(c[6][3]),
                 SINTER_SUM(c[7][0]), SINTER_SUM(c[7][1]), SINTER_SUM(c[7][2]), SINTER_SUM(c[7][3]),
                 SINTER_SUM(c[8][0]), SINTER_SUM(c[8][1]), SINTER_SUM(c[8][2]), SINTER_SUM(c[8][3]),
                 SINTER_SUM(c[9][0]), SINTER_SUM(c[9][1]), SINTER_SUM(c[9][2]), SINTER_SUM(c[9][3]),
                 SINTER_SUM(c[10][0]), SINTER_SUM(c[10][1]), SINTER_SUM(c[10][2]), SINTER_SUM(c[10][3]),
                 SINTER_SUM(c[11][0]), SINTER_SUM(c[11][1]), SINTER_SUM(c[11][2]), SINTER_SUM(c[11][3]),
                 SINTER_SUM(c[12][0]), SINTER_SUM(c[12][1]), SINTER_SUM(c[12][2]), SINTER_SUM(c[12][3]),
                 SINTER_SUM(c[13][0]), SINTER_SUM(c[13][1]), SINTER_SUM(c[13][2]), SINTER_SUM(c[13][3]),
                 SINTER_SUM(c[14][0]), SINTER_SUM(c[14][1]), SINTER_SUM(c[14][2]), SINTER_SUM(c[14][3]),
                 SINTER_SUM(c[15][0]), SINTER_SUM(c[15][1]), SINTER_SUM(c[15][2]), SINTER_SUM(c[15][3]),
                 SINTER_SUM(c[16][0]), SINTER_SUM(c[16][1]), SINTER_SUM(c[16][2]), SINTER_SUM(c[16][3]),
                 SINTER_SUM(c[17][0]), SINTER_SUM(c[17][1]), SINTER_SUM(c[17][2]), SINTER_SUM(c[17][3]),
                 SINTER_SUM(c[18][0]), SINTER_SUM(c[18][1]), SINTER_SUM(c[18][2]), SINTER_SUM(c[18][3]),
                 SINTER_SUM(c[19][0]), SINTER_SUM(c[19][1]), SINTER_SUM(c[19][2]), SINTER_SUM(c[19][3]),
                 SINTER_SUM(c[20][0]), SINTER_SUM(c[20][1]), SINTER_SUM(c[20][2]), SINTER_SUM(c[20][3]),
                 SINTER_SUM(c[21][0]), SINTER_SUM(c[21][1]), SINTER_SUM(c[21][2]), SINTER_SUM(c[21][3]),
                 SINTER_SUM(c[22][0]), SINTER_SUM(c[22][1]), SINTER_SUM(c[22][2]), SINTER_SUM(c[22][3]),
                 SINTER_SUM(c[23][0]), SINTER_SUM(c[23][1]), SINTER_SUM(c[23][2]), SINTER_SUM(c[23][3]),
                 SINTER_SUM(c[24][0]), SINTER_SUM(c[24][1]), SINTER_SUM(c[24][2]), SINTER_SUM(c[24][3]),
                 SINTER_SUM(c[25][0]), SINTER_SUM(c[25][1]), SINTER_SUM(c[25][2]), SINTER_SUM(c[25][3]),
                 SINTER_SUM(c[26][0]), SINTER_SUM(c[26][1]), SINTER_SUM(c[26][2]), SINTER_SUM(c[26][3]),
                 SINTER_SUM(c[27][0]), SINTER_SUM(c[27][1]), SINTER_SUM(c[27][2]), SINTER_SUM(c[27][3]),
                 SINTER_SUM(c[28][0]), SINTER_SUM(c[28][1]), SINTER_SUM(c[28][2]), SINTER_SUM(c[28][3]),
                 SINTER_SUM(c[29][0]), SINTER_SUM(c[29][1]), SINTER_SUM(c[29][2]), SINTER_SUM(c[29][3]),
                 SINTER_SUM(c[30][0]), SINTER_SUM(c[30][1]), SINTER_SUM(c[30][2]), SINTER_SUM(c[30][3]),
                 SINTER_SUM(c[31][0]), SINTER_SUM(c[31][1]), SINTER_SUM(c[31][2]), SINTER_SUM(c[31][3])
               : "l"(a), "l"(b));
}
#endif

class Math {
 public:
  static constexpr int kFloats = BN / 2;  // accumulators of a thread

  SINTER_METHOD void start(int warp_m, int) {
    row_ = warp_m / 4 * 64;
#pragma unroll
    for (int j = 0; j < BN / 8; ++j)
      for (int e = 0; e < 4; ++e) c_[j][e] = 0;
  }
  // Begins the products of one stage.
  SINTER_METHOD void issue(u32 stage_a, u32 stage_b) {
    const u64 a = tile_descriptor(stage_a + row_ * kRowBytes), b = tile_descriptor(stage_b);
    matrix_fence();
#pragma unroll
    for (int step = 0; step < kRowBytes / 32; ++step) multiply_tiles(c_, a + step * 2, b + step * 2);
    matrix_commit();
  }
  // After the last wait: keeps the compiler from reading integer sums as floats before it, for which it would have the products follow each other.
  SINTER_METHOD void settle() {
#if INTEGERS
#pragma unroll
    for (int j = 0; j < BN / 8; ++j)
      for (int e = 0; e < 4; ++e) asm volatile("" : "+r"(c_[j][e]) : : "memory");
#endif
  }
  template <int kLine>
  SINTER_METHOD void write_strip(int strip, u32 to) const {
    to += ((lane() >> 2) * kLine + strip_word<kLine>((lane() & 3) * 2)) * 4;
#pragma unroll
    for (int j = 0; j < BN / 8; ++j)
#pragma unroll
      for (int half = 0; half < kStripRows / 8; ++half) {
        const int e = (strip * (kStripRows / 8) + half) * 2;
        store_shared_f32x2(to + (half * 8 * kLine + j * 4) * 4, carried(c_[j][e]), carried(c_[j][e + 1]));
      }
  }
  SINTER_METHOD Sum& accumulator(int i) { return c_[i / 4][i % 4]; }

 private:
  Sum c_[BN / 8][4];
  u32 row_;
};
