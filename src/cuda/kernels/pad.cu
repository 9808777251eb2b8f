// Pad of elements of BYTES bytes: a thread an output element. MODE: 0 constant, 1 edge, 2 reflect, 3 wrap. `value` may be null: zero.
#include "device.h"

enum { kPadRank = 8 };
struct PadArgs {
  i64 count;
  i32 rank;
  i64 offset;  // of the first element that stays; `in` counts those
  i64 out[kPadRank], in[kPadRank], begin[kPadRank], stride[kPadRank];
};

template <int bytes> struct Unit;
template <> struct Unit<1> { typedef u8 type; };
template <> struct Unit<2> { typedef u16 type; };
template <> struct Unit<4> { typedef u32 type; };
template <> struct Unit<8> { typedef u64 type; };

// The place in an axis of `size` that `at` stands for.
SINTER_DEVICE i64 padded_place(i64 at, i64 size) {
  if (MODE == 1 || size == 1) return max_i64(0, min_i64(at, size - 1));
  const i64 period = MODE == 2 ? 2 * (size - 1) : size;
  i64 place = at % period;
  if (place < 0) place += period;
  return MODE == 2 && place >= size ? period - place : place;
}

SINTER_KERNEL(pad, 256, (const void* from, const void* value, void* to, const PadArgs args)) {
  after_previous();
  typedef Unit<BYTES>::type T;
  const i64 i = grid_thread();
  if (i >= args.count) return;
  i64 rest = i, offset = args.offset;
  bool inside = true;
  // Not unrolled: NVRTC 13.0's code for four axes at a time took the outermost one wrongly in the modes that divide (seen on an H200).
#pragma unroll 1
  for (int d = args.rank - 1; d >= 0; --d) {
    const i64 quotient = rest / args.out[d];
    i64 at = rest - quotient * args.out[d] - args.begin[d];
    if (MODE == 0) inside = inside && at >= 0 && at < args.in[d];
    else at = padded_place(at, args.in[d]);
    offset += at * args.stride[d];
    rest = quotient;
  }
  ((T*)to)[i] = inside ? ((const T*)from)[offset] : value ? *(const T*)value : (T)0;
}
