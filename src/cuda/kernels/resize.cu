// Resize of the two spatial axes of an image of TYPE, nearest or linear; a thread has some channels of a pixel: where they lie in the source
// follows from the arguments (src/cuda/resize.cpp).
#include "device.h"

struct ResizeArgs {
  i64 count, channels, out_h, out_w, in_n, in_c, in_h, in_w;  // count: of threads; in_*: strides
  i32 channels_last, linear;
  // How an axis is mapped: position = (x + shift) * factor / divisor + offset, as the reference (ops/resampling.h) in f64 for linear, in f32 for nearest.
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
  const f64 position = args.linear ? ((f64)x + args.shift[axis]) * args.factor[axis] / args.divisor[axis] + args.offset[axis]
                                   : (f64)(((f32)x + (f32)args.shift[axis]) * (f32)args.factor[axis] / (f32)args.divisor[axis] + (f32)args.offset[axis]);
  f64 base = floor_f64(position);
  const f64 part = position - base;
  if (!args.linear) {
    const bool tie = part - 0.5 < 1e-6 && 0.5 - part < 1e-6;  // only rounding keeps it from being a half
    const bool up = args.rounding == 0 ? part > 0.5 && !tie : args.rounding == 1 ? part > 0.5 || tie : args.rounding == 3 ? part > 0.0 : false;
    base += up ? 1.0 : 0.0;
  }
  const i64 at = (i64)base;
  Place place;
  place.low = max_i64(0, min_i64(at, args.limit[axis]));
  place.high = max_i64(0, min_i64(at + 1, args.limit[axis]));
  place.weight = args.linear ? (f32)part : 0.0f;
  return place;
}

struct Corners {
  const TYPE *a, *b, *d, *e;  // upper left and right, lower left and right
  f32 row, column;            // weights of the lower and the right ones
};
SINTER_DEVICE Corners corners_of(const ResizeArgs& args, const TYPE* base, i64 y, i64 x) {
  const Place row = source_place(args, 0, y), column = source_place(args, 1, x);
  return {base + row.low * args.in_h + column.low * args.in_w, base + row.low * args.in_h + column.high * args.in_w,
          base + row.high * args.in_h + column.low * args.in_w, base + row.high * args.in_h + column.high * args.in_w, row.weight, column.weight};
}
SINTER_DEVICE TYPE blend(f32 a, f32 b, f32 d, f32 e, f32 row, f32 column) {
  const f32 upper = row == 0.0f ? a : a * (1.0f - row) + d * row;
  const f32 lower = row == 0.0f ? b : b * (1.0f - row) + e * row;
  return from_f32<TYPE>(column == 0.0f ? upper : upper * (1.0f - column) + lower * column);
}

// A thread has `each` channels of a pixel, one after the other; neighbouring threads neighbouring pixels. pixels: of an image; groups: of channels.
SINTER_KERNEL(resize, 256, (const TYPE* from, TYPE* to, const ResizeArgs args, i64 pixels, i64 groups, i64 out_c, i32 each)) {
  after_previous();
  const i64 i = grid_thread(), unit = args.channels_last ? i / groups : i % pixels;
  if (i >= args.count) return;
  const i64 rest = args.channels_last ? i % groups : i / pixels;  // the group; row-major with the image
  const i64 image = args.channels_last ? unit / pixels : rest / groups, pixel = args.channels_last ? unit - image * pixels : unit;
  const i64 first = (args.channels_last ? rest : rest - image * groups) * each, y = pixel / args.out_w, x = pixel - y * args.out_w;
  const Corners at = corners_of(args, from + image * args.in_n + first * args.in_c, y, x);
  TYPE* const out = to + (image * args.channels * pixels + first * out_c + (args.channels_last ? pixel * args.channels : pixel));
  for (int c = 0; c < each && first + c < args.channels; ++c) {
    const i64 off = c * args.in_c;
    out[c * out_c] = args.linear ? blend(to_f32(at.a[off]), to_f32(at.b[off]), to_f32(at.d[off]), to_f32(at.e[off]), at.row, at.column) : at.a[off];
  }
}

// Channels last, sixteen bytes of channels a thread.
SINTER_KERNEL(resize_last, 256, (const TYPE* from, TYPE* to, const ResizeArgs args)) {
  after_previous();
  constexpr int kEach = 16 / sizeof(TYPE);
  using Piece = Vec<TYPE, kEach>;
  const i64 i = grid_thread();
  if (i >= args.count) return;
  const u32 chunks = (u32)args.channels / kEach, width = (u32)args.out_w, height = (u32)args.out_h;
  const u32 pixel = (u32)i / chunks, chunk = (u32)i - pixel * chunks, line = pixel / width, x = pixel - line * width, image = line / height;
  const Corners at = corners_of(args, from + image * args.in_n + chunk * kEach, line - image * height, x);
  Piece out = load_vec<TYPE, kEach>(at.a);
  if (args.linear) {
    const Piece a = out, b = load_vec<TYPE, kEach>(at.b), d = load_vec<TYPE, kEach>(at.d), e = load_vec<TYPE, kEach>(at.e);
#pragma unroll
    for (int k = 0; k < kEach; ++k) out.at[k] = blend(to_f32(a.at[k]), to_f32(b.at[k]), to_f32(d.at[k]), to_f32(e.at[k]), at.row, at.column);
  }
  store_vec<TYPE, kEach>(to + i * kEach, out);
}
