// GridSample of images of TYPE (channels in planes) at positions of TYPE, in f32, a thread an element of the result. MODE: 0 nearest, 1 linear, 2 cubic;
// PAD: 0 zeros, 1 the border, 2 reflection.
#include "device.h"

struct Samples {
  i64 count, channels, h, w, pixels;  // pixels of the result
  i32 align, padding;
};

SINTER_DEVICE f32 reflected(f32 at, f32 low, f32 high) {
  const f32 range = high - low;
  if (range <= 0.0f) return low;
  const f32 distance = fmodf(fabsf(at - low), 2.0f * range);
  return low + (distance > range ? 2.0f * range - distance : distance);
}
// A position pulled into an axis, as the padding says.
SINTER_DEVICE f32 pulled(f32 at, i64 size, i32 align) {
  if (PAD == 2) at = align ? reflected(at, 0.0f, (f32)(size - 1)) : reflected(at, -0.5f, (f32)size - 0.5f);
  if (PAD != 0) at = fminf(fmaxf(at, 0.0f), (f32)(size - 1));
  return at;
}
// -1: outside, a zero.
SINTER_DEVICE i64 index_of(f32 at, i64 size, i32 align) {
  at = pulled(at, size, align);
  return at < 0.0f || at > (f32)(size - 1) ? -1 : (i64)at;
}
SINTER_DEVICE f32 cubic(f32 x) {
  x = fabsf(x);
  if (x <= 1.0f) return ((1.25f * x) - 2.25f) * x * x + 1.0f;
  return x < 2.0f ? ((-0.75f * x + 3.75f) * x - 6.0f) * x + 3.0f : 0.0f;
}

enum { kTaps = MODE == 0 ? 1 : MODE == 1 ? 2 : 4 };

SINTER_DEVICE void taps_of(f32 coordinate, i64 size, i32 align, i64 (&index)[kTaps], f32 (&weight)[kTaps]) {
  f32 at = align ? (coordinate + 1.0f) * 0.5f * (f32)(size - 1) : ((coordinate + 1.0f) * (f32)size - 1.0f) * 0.5f;
  if (!(fabsf(at) < 1e9f)) at = at > 0.0f ? 1e9f : -1e9f;
  if (MODE == 0) {
    index[0] = index_of(rintf(pulled(at, size, align)), size, align);
    weight[0] = 1.0f;
    return;
  }
  if (MODE == 1) at = pulled(at, size, align);
  const f32 floor = floorf(at), part = at - floor;
#pragma unroll
  for (int i = 0; i < kTaps; ++i) {
    const f32 offset = MODE == 1 ? (f32)i : (f32)(i - 1);
    index[i] = index_of(floor + offset, size, align);
    weight[i] = MODE == 1 ? (i == 0 ? 1.0f - part : part) : cubic(offset - part);
  }
}

SINTER_KERNEL(grid_sample, 256, (const TYPE* x, const TYPE* grid, TYPE* y, const Samples s)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= s.count) return;
  const i64 pixel = i % s.pixels, plane = i / s.pixels, image = plane / s.channels;
  const TYPE* position = grid + (image * s.pixels + pixel) * 2;
  i64 columns[kTaps], rows[kTaps];
  f32 across[kTaps], down[kTaps];
  taps_of(to_f32(position[0]), s.w, s.align, columns, across);
  taps_of(to_f32(position[1]), s.h, s.align, rows, down);
  f32 sum = 0;
  for (int r = 0; r < kTaps; ++r) {
    if (rows[r] < 0 || down[r] == 0.0f) continue;
    const TYPE* line = x + (plane * s.h + rows[r]) * s.w;
    for (int c = 0; c < kTaps; ++c) {
      if (columns[c] >= 0 && across[c] != 0.0f) sum += down[r] * across[c] * to_f32(line[columns[c]]);
    }
  }
  y[i] = from_f32<TYPE>(sum);
}
