// Reductions of TYPE over any axes, in f32. OP: 0 sum, 1 mean, 2 max, 3 min, 4 sum of squares, 5 L1, 6 L2, 7 product, 8 log of sum. `kept` maps an
// output to its first element, `reduced` a number below n to an element from there. *_block: a block an output; *_thread: a thread; *_columns: a block
// a few vectors of neighbouring outputs, whose elements lie `step` apart.
#include "broadcast.h"

SINTER_DEVICE f32 reduce_start() { return OP == 2 ? -infinity() : OP == 3 ? infinity() : OP == 7 ? 1.0f : 0.0f; }
SINTER_DEVICE f32 reduce_term(f32 x) { return OP == 4 || OP == 6 ? x * x : OP == 5 ? fabsf(x) : x; }
SINTER_DEVICE f32 reduce_join(f32 a, f32 b) {
  if (OP == 2) return max_nan(a, b);
  if (OP == 3) return min_nan(a, b);
  return OP == 7 ? a * b : a + b;
}
SINTER_DEVICE f32 reduce_end(f32 x, i64 n) { return OP == 1 ? x / (f32)n : OP == 6 ? sqrtf(x) : OP == 8 ? logf(x) : x; }

SINTER_KERNEL(reduce_block, 1024, (const TYPE* from, TYPE* to, const Map kept, const Map reduced, i64 n)) {
  after_previous();
  SINTER_SHARED f32 parts[32];
  from += map_offset(kept, block_x());
  f32 value = reduce_start();
  for (i64 i = thread_x(); i < n; i += block_threads()) value = reduce_join(value, reduce_term(to_f32(from[map_offset(reduced, i)])));
  for (int mask = 16; mask > 0; mask >>= 1) value = reduce_join(value, shuffle_xor(value, mask));
  if (lane() == 0) parts[warp()] = value;
  barrier();
  if (warp() > 0) return;
  value = lane() < (block_threads() + 31) / 32 ? parts[lane()] : reduce_start();
  for (int mask = 16; mask > 0; mask >>= 1) value = reduce_join(value, shuffle_xor(value, mask));
  if (lane() == 0) to[block_x()] = from_f32<TYPE>(reduce_end(value, n));
}

// `width` (a power of two up to 8) vectors of sixteen bytes a block, 512 threads: thread t has vector t % width of every (512 / width)-th element. Grid:
// vectors of a run of `run` outputs, runs; outputs of run r begin at r * distance.
SINTER_KERNEL(reduce_columns, 512, (const TYPE* from, TYPE* to, i64 run, i64 distance, i64 n, i64 step, i32 width)) {
  after_previous();
  constexpr int kEach = 16 / sizeof(TYPE), kWarps = 16;
  SINTER_SHARED f32 parts[kWarps][8][kEach];
  const int column = thread_x() & (width - 1), rows = 512 / width;
  const i64 output = ((i64)block_x() * width + column) * kEach;
  f32 value[kEach];
#pragma unroll
  for (int e = 0; e < kEach; ++e) value[e] = reduce_start();
  if (output < run) {
    from += (i64)block_y() * distance + output;
#pragma unroll 4
    for (i64 i = thread_x() / width; i < n; i += rows) {
      const Vec<TYPE, kEach> v = load_vec<TYPE, kEach>(from + i * step);
#pragma unroll
      for (int e = 0; e < kEach; ++e) value[e] = reduce_join(value[e], reduce_term(to_f32(v.at[e])));
    }
  }
  for (int mask = 16; mask >= width; mask >>= 1) {
#pragma unroll
    for (int e = 0; e < kEach; ++e) value[e] = reduce_join(value[e], shuffle_xor(value[e], mask));
  }
  if (lane() < width) {
#pragma unroll
    for (int e = 0; e < kEach; ++e) parts[warp()][lane()][e] = value[e];
  }
  barrier();
  if (thread_x() >= width * kEach) return;
  const int own = thread_x() / kEach, element = thread_x() % kEach;
  const i64 place = ((i64)block_x() * width + own) * kEach;
  if (place >= run) return;
  f32 sum = reduce_start();
  for (int w = 0; w < kWarps; ++w) sum = reduce_join(sum, parts[w][own][element]);
  to[(i64)block_y() * run + place + element] = from_f32<TYPE>(reduce_end(sum, n));
}

SINTER_KERNEL(reduce_thread, 256, (const TYPE* from, TYPE* to, const Map kept, const Map reduced, i64 n, i64 count)) {
  after_previous();
  const i64 output = grid_thread();
  if (output >= count) return;
  from += map_offset(kept, output);
  f32 value = reduce_start();
  for (i64 i = 0; i < n; ++i) value = reduce_join(value, reduce_term(to_f32(from[map_offset(reduced, i)])));
  to[output] = from_f32<TYPE>(reduce_end(value, n));
}

// Number of the greatest (OP 2) or least (OP 3) of n elements at distance `inner`; the first of equals, or the last. NaN wins.
SINTER_KERNEL(arg_thread, 256, (const TYPE* from, i64* to, i64 n, i64 inner, i64 count, i32 last)) {
  after_previous();
  const i64 line = grid_thread();
  if (line >= count) return;
  from += line / inner * n * inner + line % inner;
  f32 best = to_f32(from[0]);
  i64 at = 0;
  for (i64 i = 1; i < n; ++i) {
    const f32 x = to_f32(from[i * inner]);
    const bool better = OP == 2 ? x > best : x < best;
    if (better || (last && x == best) || (is_nan(x) && !is_nan(best))) {
      best = x;
      at = i;
    }
  }
  to[line] = at;
}
