// Matrix products and convolutions (implicit GEMM, channels last) with an epilogue: see dense_params.h for what is computed.
//
// Compile-time names:
//   TYPE      element of A and B: f16, bf16, f32, i8, u8  MATH      0: tensor cores, 1: in tf32, 2: FMA in f32, 3: sm_90a's
//   OUT       element of C                                BM BN BK  a block's tile; BK is 64 or 128 bytes
//   STAGES    tiles in flight                             WARPS_M WARPS_N   warps of a block along m and n
//   GATHER    0: rows are a_image apart, 1: pixels under taps with bounds, 2: under taps that are all inside   B_ROWS    1: B is [k][n], 0: [n][k]
//   VEC_A VEC_B  bytes that may be read at once: 16, 8, 4, 2, 1
//   SPLIT     ways to divide k among blocks. 0: none; 1: partial sums in memory, added in order by the block that comes last;
//             2: the blocks of a cluster add each other's tiles (sm_90)
//   WHOLE     1: n and all strides of C and of full operands are multiples of 8: sixteen-byte stores
//   ROUND_B   1: B is not yet rounded to tf32
//   WEIGHTS   1: B is constant
//   SCATTER   1: C's rows are placed by c_image, c_y, c_x instead of c_x alone
//   STAYS     1: MATH is 3, SPLIT 0, and the grid's blocks stay for more than one tile
//   INTEGERS  1: TYPE is i8 or u8, sums are i32, and these names are there too (else none of them):
//   TYPE_B    element of B   FILL  pixels outside hold 1: p.fill, 2: *p.a_zero
//   A_ZERO    1: a zero point of A and sums of columns in memory, 2: and these sums are made here
//   B_ZERO    zero points of B, 1: a table of i32, 2: of B's type
// and what "generated.h" may define (dense_finish.h).
//
// k is always summed in the same order for the same splits: results do not change from run to run.
#include "device.h"
#include "dense_params.h"
using namespace sinter_kernels;
#ifndef TYPE
#define TYPE f16
#define MATH 0
#define OUT f16
#define BM 128
#define BN 128
#define BK 32
#define STAGES 4
#define WARPS_M 2
#define WARPS_N 2
#define GATHER 1
#define B_ROWS 0
#define VEC_A 16
#define VEC_B 16
#define SPLIT 0
#define WHOLE 1
#define ROUND_B 0
#define WEIGHTS 1
#define SCATTER 0
#define STAYS 0
#endif
#ifndef INTEGERS
#define INTEGERS 0
#define TYPE_B TYPE
#define FILL 0
#define A_ZERO 0
#define B_ZERO 0
#endif
#define SINTER_CLUSTER (SPLIT == 2)
#include "tensor_core.h"
#include "strip.h"
#include "dense_operand.h"
#include "dense_integer.h"
#include "dense_load.h"
#if MATH == 3
#include "dense_wgmma.h"
#else
#include "dense_math.h"
#endif

#include "generated.h"
#include "dense_finish.h"

// Where a row and column of the tile are; beyond the edge the nearest element that exists, which is not written.
SINTER_DEVICE Place locate(const DenseParams& p, int z, int row, int column) {
  Place place;
  place.outer = divide(z, p.by_inner);
  place.inner = z - place.outer * p.inner_count;
  place.exists = row < p.m && column < p.n;
  place.row = row = row < p.m ? row : p.m - 1;
  place.column = column = column < p.n ? column : 0;
  place.count = WHOLE || p.n - column > 8 ? 8 : p.n - column;
  place.offset = place.outer * p.c_outer + place.inner * p.c_inner + column;
#if SCATTER
  const int image = divide(row, p.by_image), pixel = row - image * (p.rows_y * p.rows_x);
  const int y = divide(pixel, p.by_x), x = pixel - y * p.rows_x;
  place.offset += image * p.c_image + y * p.c_y + x * p.c_x;
#else
  place.offset += row * p.c_x;
#endif
  return place;
}

// What the epilogue will read of the tile is on its way while products are made.
SINTER_DEVICE void ask_ahead(const DenseParams& p, int z, int first_row, int first_column) {
#ifdef SINTER_AHEAD
  constexpr int kColumns = 128 / SINTER_AHEAD < BN ? 128 / SINTER_AHEAD : BN, kAcross = BN / kColumns;
  for (int line = thread_x(); line < BM * kAcross; line += kThreads) {
    const Place place = locate(p, z, first_row + line / kAcross, first_column + line % kAcross * kColumns);
    if (place.exists) ahead(p, place);
  }
#endif
}

template <int kCount>
SINTER_DEVICE void store_results(const DenseParams& p, const Place (&places)[kCount], const Finish& finish, f32 (&v)[kCount][8]) {
  to_results(p, places, finish, v);
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (places[i].exists) store_eight<OUT, RoundResult>((OUT*)p.c + places[i].offset, v[i], places[i].count);
  }
}

#if SPLIT != 2
// Adds the block's neighbours' sums, if k is divided. False: another block finishes this tile.
SINTER_DEVICE bool join(const DenseParams& p, Math& math, int split, i64 tile) {
#if SPLIT == 1
  if (p.splits == 1) return true;
  SINTER_SHARED int last;
  const i64 own = Math::kFloats * kThreads;
  f32* const base = p.partial + tile * p.splits * own + thread_x() * 4;
#pragma unroll
  for (int i = 0; i < Math::kFloats; i += 4) {
    const Vec<f32, 4> v{carried(math.accumulator(i)), carried(math.accumulator(i + 1)), carried(math.accumulator(i + 2)), carried(math.accumulator(i + 3))};
    store_vec<f32, 4>(base + split * own + i * kThreads, v);
  }
  fence();
  barrier();
  if (thread_x() == 0) {
    last = atomic_add((u32*)p.counters + tile, 1) == (u32)p.splits - 1;
    if (last) p.counters[tile] = 0;
    fence();
  }
  barrier();
  if (!last) return false;
#pragma unroll
  for (int i = 0; i < Math::kFloats; ++i) math.accumulator(i) = 0;
  for (int s = 0; s < p.splits; ++s) {
#pragma unroll
    for (int i = 0; i < Math::kFloats; i += 4) {
      const Vec<f32, 4> v = load_fresh(base + s * own + i * kThreads);
#pragma unroll
      for (int e = 0; e < 4; ++e) math.accumulator(i + e) += sum_of(v.at[e]);
    }
  }
#endif
  return true;
}
#else
// Every block of the cluster sums an equal share of the tile's rows.
SINTER_DEVICE void finish_cluster(const DenseParams& p, const Math& math, u32 shared, int split, int z, int first_row, int first_column) {
  constexpr int kLine = BN + 8;
  const u32 corner = shared + (warp() % WARPS_M * kWarpM * kLine + warp() / WARPS_M * kWarpN / 2) * 4;
  for (int i = 0; i < kStrips; ++i) math.write_strip<kLine>(i, corner + i * 16 * kLine * 4);
  cluster_barrier();
  const int rows = BM / p.splits;
  for (int item = thread_x(); item < rows * (BN / 8); item += kThreads) {
    const int row = split * rows + item / (BN / 8), column = item % (BN / 8) * 8;
    Sum sums[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    const Place place[1] = {locate(p, z, first_row + row, first_column + column)};
    if (place[0].exists) {
#pragma unroll 4
      for (int s = 0; s < p.splits; ++s) {
        const u32 from = cluster_address(shared + (row * kLine + strip_word<kLine>(column)) * 4, s);
        const Vec<f32, 4> low = load_cluster_f32x4(from), high = load_cluster_f32x4(from + kLine * 2);
        for (int e = 0; e < 4; ++e) sums[e] += sum_of(low.at[e]), sums[e + 4] += sum_of(high.at[e]);
      }
    }
    f32 v[1][8];
    for (int e = 0; e < 8; ++e) v[0][e] = carried(sums[e]);
    Finish finish;
    load_finish(p, place[0], finish);
    store_results<1>(p, place, finish, v);
  }
  cluster_barrier();
}
#endif

struct Corner {  // of the block's tile of the result
  int z, row, column;
};
// Tiles are counted column by column within groups of 8 columns.
SINTER_DEVICE Corner corner_of(const DenseParams& p, int tile) {
  const int group = tile / (8 * p.tiles_m), in_group = tile - group * 8 * p.tiles_m;
  const int width = p.tiles_n - group * 8 < 8 ? p.tiles_n - group * 8 : 8;
  const int tile_m = in_group / width;
  return {block_z(), tile_m * BM, (group * 8 + in_group - tile_m * width) * BN};
}
struct Operands {  // of the product that the block belongs to
  const TYPE* a;
  const TYPE* b;
  int inner;
  SINTER_METHOD explicit Operands(const DenseParams& p) {
    const int z = block_z(), outer = divide(z, p.by_inner);
    inner = z - outer * p.inner_count;
    a = (const TYPE*)p.a + outer * p.a_outer + inner * p.a_inner;
    b = (const TYPE*)p.b + outer * p.b_outer + inner * p.b_inner;
  }
};

// The first kCount tiles; weights need not wait for the kernel before.
template <int kCount>
SINTER_DEVICE void load_first(const DenseParams& p, LoaderA& a, const LoaderB& b, const Corner& corner, u32 shared, int first_tile, int tiles) {
  const u32 stage_b = shared + STAGES * kStageA;
#pragma unroll
  for (int t = 0; t < kCount; ++t) {
    if (WEIGHTS && t < tiles) b.load(p, stage_b + t * kStageB, (first_tile + t) * BK);
  }
  after_previous();
  a.prepare(p);
#pragma unroll
  for (int t = 0; t < kCount; ++t) {
    if (t < tiles) {
      a.load(p, shared + t * kStageA, (first_tile + t) * BK);
      if (!WEIGHTS) b.load(p, stage_b + t * kStageB, (first_tile + t) * BK);
    }
    copy_async_commit();
  }
  ask_ahead(p, corner.z, corner.row, corner.column);
}

// The products of k tiles first … first + tiles - 1, STAGES - 1 of them on their way.
#if MATH != 3
SINTER_DEVICE void sum_tiles(const DenseParams& p, LoaderA& a, const LoaderB& b, Math& math, const Corner& corner, u32 shared, int first_tile, int tiles) {
  const u32 stage_b = shared + STAGES * kStageA;
  load_first<STAGES - 1>(p, a, b, corner, shared, first_tile, tiles);
  copy_async_wait<STAGES - 2>();
  barrier();
  if (tiles > 0) math.fetch(0, shared, stage_b, 0);
  int read = 0, write = STAGES - 1;
  for (int t = 0; t < tiles; ++t) {
#pragma unroll
    for (int step = 0; step < Math::kSteps; ++step) {
      if (step == Math::kSteps - 1) {
        copy_async_wait<STAGES - 2>();
        barrier();
        read = read + 1 == STAGES ? 0 : read + 1;
      }
      math.fetch((step + 1) % 2, shared + read * kStageA, stage_b + read * kStageB, (step + 1) % Math::kSteps);
      if (step == 0) {
        const int next = t + STAGES - 1;
        if (next < tiles) {
          a.load(p, shared + write * kStageA, (first_tile + next) * BK);
          b.load(p, stage_b + write * kStageB, (first_tile + next) * BK);
        }
        copy_async_commit();
        write = write + 1 == STAGES ? 0 : write + 1;
      }
      math.multiply(step % 2);
    }
  }
  copy_async_wait<0>();
  barrier();
}
#else
// With four stages the products of the last tile are still under way when those of the next begin and the tile after is asked for; with three
// they end first, so that two tiles can be on their way.
constexpr int kOverlap = STAGES > 3, kAhead = STAGES - 1 - kOverlap;
// The products of `tiles` tiles from stage `read` on, kAhead of which are on their way; load_next asks for one more and commits.
template <typename LoadNext>
SINTER_DEVICE void multiply_stages(Math& math, u32 shared, int& read, int tiles, const LoadNext& load_next) {
  for (int t = 0; t < tiles; ++t) {
    copy_async_wait<kAhead - 1>();
    publish_to_matrices();
    matrix_wait<kOverlap>();
    barrier();
    math.issue(shared + read * kStageA, shared + STAGES * kStageA + read * kStageB);
    read = read + 1 == STAGES ? 0 : read + 1;
    load_next();
  }
  matrix_wait<0>();
  math.settle();
}
SINTER_DEVICE void sum_tiles(const DenseParams& p, LoaderA& a, const LoaderB& b, Math& math, const Corner& corner, u32 shared, int first_tile, int tiles) {
  load_first<kAhead>(p, a, b, corner, shared, first_tile, tiles);
  int read = 0, write = kAhead, next = kAhead;
  multiply_stages(math, shared, read, tiles, [&] {
    if (next < tiles) {
      a.load(p, shared + write * kStageA, (first_tile + next) * BK);
      b.load(p, shared + STAGES * kStageA + write * kStageB, (first_tile + next) * BK);
    }
    copy_async_commit();
    ++next;
    write = write + 1 == STAGES ? 0 : write + 1;
  });
  copy_async_wait<0>();
  barrier();
}
#endif

// A lane finishes the same eight columns of every row of its warp.
constexpr int kLineFloats = kWarpN + 8, kAcross = kWarpN / 8;
static_assert(32 % kAcross == 0 && kStripRows * kAcross % 32 == 0, "whole rows of items a warp");
SINTER_DEVICE int own_column(int first_column) { return first_column + warp() / WARPS_M * kWarpN + lane() % kAcross * 8; }

SINTER_DEVICE void make_results(const DenseParams& p, const Math& math, const Finish& finish, const Corner& corner, u32 strips) {
  const u32 strip = strips + warp() * kStripRows * kLineFloats * 4;
  const int first_row = corner.row + warp() % WARPS_M * kWarpM, column = own_column(corner.column);
  // Accumulators of later strips leave few registers for a batch, as do blocks of many threads; one that fills a processor has plenty.
  constexpr bool kFew = (kStrips > 1 && Math::kFloats > 64) || kThreads > 256, kMany = kStrips == 1 && Math::kFloats >= (INTEGERS ? 64 : 65);
  constexpr int kItems = kStripRows * kAcross / 32, kMost = kFew ? 2 : kMany ? 8 : 4, kBatch = kItems < kMost ? kItems : kMost;
#pragma unroll
  for (int i = 0; i < kStrips; ++i) {
    math.write_strip<kLineFloats>(i, strip);
    warp_barrier();
#pragma unroll
    for (int first = 0; first < kItems; first += kBatch) {
      Place places[kBatch];
      f32 v[kBatch][8];
#pragma unroll
      for (int b = 0; b < kBatch; ++b) {
        const int row = (first + b) * (32 / kAcross) + lane() / kAcross;
        load_strip<kLineFloats>(strip + row * kLineFloats * 4, lane() % kAcross * 8, v[b]);
        places[b] = locate(p, corner.z, first_row + i * kStripRows + row, column);
      }
      store_results<kBatch>(p, places, finish, v);
    }
    warp_barrier();
  }
}

#if STAYS
static_assert(MATH == 3 && SPLIT == 0, "see above");
// The k tiles of all of the block's tiles in the order of their use, which are asked for while earlier ones are multiplied or finished.
class Ahead {
 public:
  SINTER_METHOD Ahead(const DenseParams& p, int steps) : operands_(p), tile_(block_x()), steps_(steps) {
    start(p);
    after_previous();
    a_.prepare(p);
  }
  SINTER_METHOD void load_next(const DenseParams& p, u32 shared) {
    if (step_ == steps_) {
      step_ = 0;
      tile_ += grid_x();
      if (tile_ < p.tiles_m * p.tiles_n) start(p);
    }
    if (tile_ < p.tiles_m * p.tiles_n) {
      if (step_ == 0) ask_ahead(p, corner_.z, corner_.row, corner_.column);
      a_.load(p, shared + stage_ * kStageA, step_ * BK);
      b_.load(p, shared + STAGES * kStageA + stage_ * kStageB, step_ * BK);
    }
    copy_async_commit();
    ++step_;
    stage_ = stage_ + 1 == STAGES ? 0 : stage_ + 1;
  }

 private:
  SINTER_METHOD void start(const DenseParams& p) {
    corner_ = corner_of(p, tile_);
    a_.start(p, operands_.a, corner_.row);
    b_.start(p, operands_.b, corner_.column);
  }

  Operands operands_;
  LoaderA a_;
  LoaderB b_;
  Corner corner_;
  int tile_, steps_, step_ = 0, stage_ = 0;
};

// Grid x: as many blocks as fit; z: batches or groups.
SINTER_KERNEL(dense, kThreads, (const DenseParams p)) {
  SINTER_DYNAMIC_SHARED(memory);
  const u32 shared = (shared_address(memory) + 1023) / 1024 * 1024, strips = shared + STAGES * (kStageA + kStageB);
  const int steps = (p.k + BK - 1) / BK, tiles = p.tiles_m * p.tiles_n;
  Ahead ahead(p, steps);
  Math math;
#pragma unroll
  for (int i = 0; i < kAhead; ++i) ahead.load_next(p, shared);
  Finish finish;
  int read = 0, finish_column = -1;
  for (int tile = block_x(); tile < tiles; tile += grid_x()) {
    const Corner corner = corner_of(p, tile);
    if (corner.column != finish_column) load_finish(p, locate(p, corner.z, corner.row, own_column(corner.column)), finish);
    finish_column = corner.column;
    math.start(warp() % WARPS_M, 0);
    multiply_stages(math, shared, read, steps, [&] { ahead.load_next(p, shared); });
    make_results(p, math, finish, corner, strips);
  }
  copy_async_wait<0>();
}
#else
// Grid x: tiles times splits (fastest); z: batches or groups.
// Two blocks of 128x128 by matrix instructions fit a processor where registers allow it: one's end overlaps the other's products.
constexpr int kBlocks = MATH == 3 && BM == 128 && BN == 128 ? 2 : 1;
SINTER_KERNEL_BLOCKS(dense, kThreads, kBlocks, (const DenseParams p)) {
  SINTER_DYNAMIC_SHARED(memory);
  // The matrix instructions' tiles begin at multiples of 1024.
  const u32 shared = MATH == 3 ? (shared_address(memory) + 1023) / 1024 * 1024 : shared_address(memory);
  const int tile = SPLIT ? divide(block_x(), p.by_splits) : block_x(), split = SPLIT ? block_x() - tile * p.splits : 0;
  const Corner corner = corner_of(p, tile);
  const Operands operands(p);

  LoaderA a;
  LoaderB b;
  Math math;
  a.start(p, operands.a, corner.row);
  b.start(p, operands.b, corner.column);
  math.start(warp() % WARPS_M, warp() / WARPS_M);

  int tiles = (p.k + BK - 1) / BK, first_tile = 0;
  if (SPLIT) {
    const int each = divide(tiles + p.splits - 1, p.by_splits);
    first_tile = split * each;
    tiles = tiles - first_tile < each ? tiles - first_tile : each;
  }
  sum_tiles(p, a, b, math, corner, shared, first_tile, tiles);
#if A_ZERO == 2 || B_ZERO
  const int first_k = first_tile * BK, end_k = (first_tile + tiles) * BK < p.k ? (first_tile + tiles) * BK : p.k;
  math.correct(p, corner.column + warp() / WARPS_M * kWarpN, operands.inner, end_k > first_k ? end_k - first_k : 0);
#endif

#if SPLIT == 2
  finish_cluster(p, math, shared, split, corner.z, corner.row, corner.column);
#else
  if (!join(p, math, split, (i64)corner.z * p.tiles_m * p.tiles_n + tile)) return;
  Finish finish;
  load_finish(p, locate(p, corner.z, corner.row + warp() % WARPS_M * kWarpM, own_column(corner.column)), finish);
  make_results(p, math, finish, corner, shared);
#endif
}
#endif
