// ScatterElements and ScatterND of TYPE (elements are moved, or joined by OP: 0 the update, 1 sum, 2 product, 3 greatest, 4 least) by indices
// of INDEX, into a copy of the data. Of several updates of one element the last one counts, and joins go in the updates' order, whatever
// the threads do: plain updates note the last one of each target first, joins run along the line that may have repeated targets.
#include "broadcast.h"
#include "index.h"

// Where update number i goes, and along what it may meet others: `count` updates, in lines of `line` updates `apart` numbers apart.
struct Scatter {
  i64 count, line, apart;
  i64 stride, axis;  // elements: along the axis; its size
  i64 width, run;    // nd: indices of a tuple, elements of a run
  i64 size[kMapRank], strides[kMapRank];
  Map base;          // elements: where the line of update i begins
};

// Element that update i goes to, -1: an index out of range.
SINTER_DEVICE i64 scatter_target(const Scatter& s, const INDEX* indices, i64 i, Fault* fault) {
  if (s.width < 0) {
    const i64 at = checked_index(indices, i, s.axis, fault);
    return at < 0 ? -1 : map_offset(s.base, i) + at * s.stride;
  }
  const i64 tuple = i / s.run;
  i64 to = i - tuple * s.run;
  for (i64 k = 0; k < s.width; ++k) {
    const i64 at = checked_index(indices, tuple * s.width + k, s.size[k], fault);
    if (at < 0) return -1;
    to += at * s.strides[k];
  }
  return to;
}

// last[element]: 1 + the number of its last update. Runs are marked at their first element.
SINTER_KERNEL(scatter_mark, 256, (const INDEX* indices, u32* last, const Scatter s, Fault* fault)) {
  after_previous();
  const i64 i = grid_thread() * (s.width < 0 ? 1 : s.run);
  if (i >= s.count) return;
  const i64 to = scatter_target(s, indices, i, fault);
  if (to >= 0) atomic_max(last + to, (u32)(i / s.run) + 1);
}

SINTER_KERNEL(scatter_write, 256, (const INDEX* indices, const u32* last, const TYPE* updates, TYPE* to, const Scatter s)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= s.count) return;
  const i64 target = scatter_target(s, indices, i, nullptr);
  if (target < 0) return;
  if (last[target - i % s.run] == (u32)(i / s.run) + 1) to[target] = updates[i];
}

#if OP > 0
template <typename A>
SINTER_DEVICE A join(A a, A b) {
  if (OP == 1) return (A)(a + b);
  if (OP == 2) return (A)(a * b);
  if (a != a) return a;
  return OP == 3 ? (b > a || b != b ? b : a) : (b < a || b != b ? b : a);
}
SINTER_DEVICE i32 join(i32 a, i32 b) {
  return OP == 1 ? (i32)((u32)a + (u32)b) : OP == 2 ? (i32)((u32)a * (u32)b) : OP == 3 ? (b > a ? b : a) : (b < a ? b : a);
}
SINTER_DEVICE i64 join(i64 a, i64 b) {
  return OP == 1 ? (i64)((u64)a + (u64)b) : OP == 2 ? (i64)((u64)a * (u64)b) : OP == 3 ? (b > a ? b : a) : (b < a ? b : a);
}
SINTER_DEVICE f32 widened(f32 x) { return x; }
SINTER_DEVICE f32 widened(f16 x) { return to_f32(x); }
SINTER_DEVICE f32 widened(bf16 x) { return to_f32(x); }
SINTER_DEVICE i32 widened(i32 x) { return x; }
SINTER_DEVICE i64 widened(i64 x) { return x; }
SINTER_DEVICE void narrowed(f32& to, f32 x) { to = x; }
SINTER_DEVICE void narrowed(f16& to, f32 x) { to = from_f32<f16>(x); }
SINTER_DEVICE void narrowed(bf16& to, f32 x) { to = from_f32<bf16>(x); }
SINTER_DEVICE void narrowed(i32& to, i32 x) { to = x; }
SINTER_DEVICE void narrowed(i64& to, i64 x) { to = x; }

// A thread a line of updates, in order.
SINTER_KERNEL(scatter_join, 256, (const INDEX* indices, const TYPE* updates, TYPE* to, const Scatter s, Fault* fault)) {
  after_previous();
  const i64 thread = grid_thread();
  if (thread * s.line >= s.count) return;
  const i64 first = thread / s.apart * s.apart * s.line + thread % s.apart;
  for (i64 k = 0; k < s.line; ++k) {
    const i64 i = first + k * s.apart, target = scatter_target(s, indices, i, fault);
    if (target >= 0) narrowed(to[target], join(widened(to[target]), widened(updates[i])));
  }
}
#endif
