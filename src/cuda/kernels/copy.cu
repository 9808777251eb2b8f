// Copies between two strided views of one logical array: transpose, changes of layout, concat, slice, split, expand, depth to space. The host
// (src/cuda/strided_copy.cpp) drops and merges dims and picks the kernel. Bandwidth-bound.
//
// copy_<bytes>: a thread an element (of up to 16 bytes: a run of smaller ones). tile_<bytes>: tiles of 32x32 through shared memory (wide_<bytes>: 64x64), for
// copies whose neighbours in the source are not neighbours in the target.
#include "device.h"

enum { kCopyRank = 8 };

struct CopyArgs {
  const void* from;
  void* to;
  i64 count;
  i32 rank, narrow;
  u32 size[kCopyRank];
  i64 source[kCopyRank], target[kCopyRank];
};

struct TileArgs {
  const void* from;
  void* to;
  i64 rows, columns;          // rows: contiguous in the source; columns: contiguous in the target
  i64 row_target, column_source;
  i32 rank;                   // of what is outside the tile
  u32 size[kCopyRank];
  i64 source[kCopyRank], target[kCopyRank];
};

template <typename Index>
SINTER_DEVICE void copy_places(const CopyArgs& args, i64 i, i64& source, i64& target) {
  Index rest = (Index)i;
  source = target = 0;
  for (int d = args.rank - 1; d > 0; --d) {
    const Index quotient = rest / args.size[d];
    const i64 at = (i64)(rest - quotient * args.size[d]);
    source += at * args.source[d];
    target += at * args.target[d];
    rest = quotient;
  }
  source += (i64)rest * args.source[0];
  target += (i64)rest * args.target[0];
}

template <typename T>
SINTER_DEVICE void copy_element(const CopyArgs& args) {
  const i64 i = grid_thread();
  if (i >= args.count) return;
  i64 source, target;
  if (args.narrow) copy_places<u32>(args, i, source, target);
  else copy_places<u64>(args, i, source, target);
  ((T*)args.to)[target] = ((const T*)args.from)[source];
}

// Tiles of kSide x kSide: every thread has all its elements on their way before it stores the first.
template <typename T, int kSide = 32>
SINTER_DEVICE void copy_tile(const TileArgs& args) {
  constexpr int kAcross = kSide / 32;
  SINTER_SHARED T tile[kSide][kSide + (sizeof(T) == 2 ? 2 : 1)];
  i64 source = 0, target = 0;
  u32 rest = (u32)block_z();
  for (int d = args.rank - 1; d >= 0; --d) {
    const u32 quotient = rest / args.size[d];
    source += (i64)(rest - quotient * args.size[d]) * args.source[d];
    target += (i64)(rest - quotient * args.size[d]) * args.target[d];
    rest = quotient;
  }
  const i64 row0 = (i64)block_x() * kSide, column0 = (i64)block_y() * kSide;
  const T* from = (const T*)args.from + source;
  T* to = (T*)args.to + target;
#pragma unroll
  for (int i = 0; i < kSide / 8 * kAcross; ++i) {
    const int step = warp() + i / kAcross * 8, at = lane() + i % kAcross * 32;
    const i64 row = row0 + at, column = column0 + step;
    if (row < args.rows && column < args.columns) tile[step][at] = from[row + column * args.column_source];
  }
  barrier();
#pragma unroll
  for (int i = 0; i < kSide / 8 * kAcross; ++i) {
    const int step = warp() + i / kAcross * 8, at = lane() + i % kAcross * 32;
    const i64 row = row0 + step, column = column0 + at;
    if (row < args.rows && column < args.columns) to[row * args.row_target + column] = tile[at][step];
  }
}

struct __attribute__((aligned(16))) Bytes16 {
  u64 low, high;
};

SINTER_KERNEL(copy_1, 256, (const CopyArgs args)) { after_previous(); copy_element<u8>(args); }
SINTER_KERNEL(copy_2, 256, (const CopyArgs args)) { after_previous(); copy_element<u16>(args); }
SINTER_KERNEL(copy_4, 256, (const CopyArgs args)) { after_previous(); copy_element<u32>(args); }
SINTER_KERNEL(copy_8, 256, (const CopyArgs args)) { after_previous(); copy_element<u64>(args); }
SINTER_KERNEL(copy_16, 256, (const CopyArgs args)) { after_previous(); copy_element<Bytes16>(args); }
SINTER_KERNEL(tile_1, 256, (const TileArgs args)) { after_previous(); copy_tile<u8>(args); }
SINTER_KERNEL(tile_2, 256, (const TileArgs args)) { after_previous(); copy_tile<u16>(args); }
SINTER_KERNEL(tile_4, 256, (const TileArgs args)) { after_previous(); copy_tile<u32>(args); }
SINTER_KERNEL(tile_8, 256, (const TileArgs args)) { after_previous(); copy_tile<u64>(args); }
SINTER_KERNEL(wide_1, 256, (const TileArgs args)) { after_previous(); copy_tile<u8, 64>(args); }
SINTER_KERNEL(wide_2, 256, (const TileArgs args)) { after_previous(); copy_tile<u16, 64>(args); }
