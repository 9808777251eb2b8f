// Reductions of integers of TYPE over any axes, a thread an output: OP 0 sum, 1 product, 2 greatest, 3 least; sums and products wrap around. `kept` maps
// an output to its first element, `reduced` a number below n to an element from there. integer_arg: the number of the greatest (OP 2) or least of n
// elements at distance `inner`, the first of equals or the last.
#include "broadcast.h"

SINTER_KERNEL(integer_reduce, 256, (const TYPE* from, TYPE* to, const Map kept, const Map reduced, i64 n, i64 count)) {
  after_previous();
  const i64 output = grid_thread();
  if (output >= count) return;
  from += map_offset(kept, output);
  u64 total = OP == 1 ? 1 : 0;
  TYPE best = n > 0 ? from[0] : (TYPE)0;
  for (i64 i = 0; i < n; ++i) {
    const TYPE x = from[map_offset(reduced, i)];
    if (OP == 0) total += (u64)x;
    if (OP == 1) total *= (u64)x;
    if (OP == 2 ? x > best : x < best) best = x;
  }
  to[output] = OP < 2 ? (TYPE)total : best;
}

SINTER_KERNEL(integer_arg, 256, (const TYPE* from, i64* to, i64 n, i64 inner, i64 count, i32 last)) {
  after_previous();
  const i64 line = grid_thread();
  if (line >= count) return;
  from += line / inner * n * inner + line % inner;
  TYPE best = from[0];
  i64 at = 0;
  for (i64 i = 1; i < n; ++i) {
    const TYPE x = from[i * inner];
    if ((OP == 2 ? x > best : x < best) || (last && x == best)) {
      best = x;
      at = i;
    }
  }
  to[line] = at;
}
