// Resize of the two spatial axes of an image of TYPE, nearest or linear; one output a thread, in the output's memory order: where it lies in the source
// follows from the arguments (src/cuda/resize.cpp).
#include "device.h"

struct ResizeArgs {
  i64 count, channels, out_h, out_w, in_n, in_c, in_h, in_w;  // in_*: strides
  i32 channels_last, linear;
  // How an axis is mapped: position = (x + shift) * factor / divisor + offset, in f64 as the reference.
  f64 shift[2], factor[2], divisor[2], offset[2];
  i64 limit[2];      // the last source position
  i32 rounding;      // nearest: 0 prefers floor, 1 prefers ceil, 2 floor, 3 ceil
};

struct Place {
  i64 low, high;
  f32 weight;
};

SINTER_DEVICE f64 floor_f64(f64 x) {
  const f64 whole = (f64)(i64)x;
  return whole > x ? whole - 1.0 : whole;
}

SINTER_DEVICE Place source_place(const ResizeArgs& args, int axis, i64 x) {
  const f64 position = ((f64)x + args.shift[axis]) * args.factor[axis] / args.divisor[axis] + args.offset[axis];
  f64 base = floor_f64(position);
  const f64 part = position - base;
  if (!args.linear) {
    const bool up = args.rounding == 0 ? part > 0.5 : args.rounding == 1 ? part >= 0.5 : args.rounding == 3 ? part > 0.0 : false;
    base += up ? 1.0 : 0.0;
  }
  const i64 at = (i64)base;
  Place place;
  place.low = max_i64(0, min_i64(at, args.limit[axis]));
  place.high = max_i64(0, min_i64(at + 1, args.limit[axis]));
  place.weight = args.linear ? (f32)part : 0.0f;
  return place;
}

SINTER_KERNEL(resize, 256, (const TYPE* from, TYPE* to, const ResizeArgs args)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= args.count) return;
  i64 rest = i, c = 0;
  if (args.channels_last) {
    c = rest % args.channels;
    rest /= args.channels;
  }
  const i64 x = rest % args.out_w;
  rest /= args.out_w;
  const i64 y = rest % args.out_h;
  rest /= args.out_h;
  if (!args.channels_last) {
    c = rest % args.channels;
    rest /= args.channels;
  }
  const TYPE* base = from + rest * args.in_n + c * args.in_c;
  const Place row = source_place(args, 0, y), column = source_place(args, 1, x);
  if (!args.linear) {
    to[i] = base[row.low * args.in_h + column.low * args.in_w];
    return;
  }
  const f32 a = to_f32(base[row.low * args.in_h + column.low * args.in_w]), b = to_f32(base[row.low * args.in_h + column.high * args.in_w]);
  const f32 d = to_f32(base[row.high * args.in_h + column.low * args.in_w]), e = to_f32(base[row.high * args.in_h + column.high * args.in_w]);
  const f32 upper = row.weight == 0.0f ? a : a * (1.0f - row.weight) + d * row.weight;
  const f32 lower = row.weight == 0.0f ? b : b * (1.0f - row.weight) + e * row.weight;
  to[i] = from_f32<TYPE>(column.weight == 0.0f ? upper : upper * (1.0f - column.weight) + lower * column.weight);
}
