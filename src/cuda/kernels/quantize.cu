// QuantizeLinear (FROM f32, f16, bf16 or i32 to integers of 8 or 16 bits) and DequantizeLinear (integers FROM to floats), a thread an element; with FLOAT8 (a KIND of
// float8.h) the integers u8 are such floats, and `low` says whether what is too large becomes the largest. The scale of an
// element is at outer * outer_step + (place along the axis / block) * step + inner * inner_step.
#include "float8.h"

struct Grid {
  i64 count, inner, size, block, outer_step, step, inner_step;
};

SINTER_DEVICE i64 scale_of(const Grid& g, i64 i) {
  const i64 line = i / g.inner, outer = line / g.size;
  return outer * g.outer_step + (line - outer * g.size) / g.block * g.step + (i - line * g.inner) * g.inner_step;
}

#if QUANTIZE
SINTER_KERNEL(quantize, 256, (const FROM* x, const SCALE* scales, const TO* zeros, TO* y, const Grid g, i32 low, i32 high)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= g.count) return;
  const i64 s = scale_of(g, i);
  const f32 zero = zeros ? (f32)zeros[s] : 0.0f;
  // The division has the precision of PRECISION.
  const f32 divided = to_f32(from_f32<PRECISION>(to_f32(from_f32<PRECISION>(to_f32(x[i]))) / to_f32(from_f32<PRECISION>(to_f32(scales[s])))));
#if FLOAT8
  y[i] = Float8<FLOAT8>::code(divided + (zeros ? Float8<FLOAT8>::value(zeros[s]) : 0.0f), low != 0);
  return;
#endif
  const f32 value = rintf(divided) + zero;
  y[i] = (TO)(is_nan(value) || value < (f32)low ? low : value > (f32)high ? high : (i32)value);
}
#else
SINTER_KERNEL(dequantize, 256, (const FROM* x, const SCALE* scales, const FROM* zeros, TO* y, const Grid g, i32, i32)) {
  after_previous();
  const i64 i = grid_thread();
  if (i >= g.count) return;
  const i64 s = scale_of(g, i);
#if FLOAT8
  y[i] = from_f32<TO>((Float8<FLOAT8>::value(x[i]) - (zeros ? Float8<FLOAT8>::value(zeros[s]) : 0.0f)) * to_f32(scales[s]));
  return;
#endif
  const i64 difference = (i64)x[i] - (zeros ? (i64)zeros[s] : 0);
  y[i] = from_f32<TO>((f32)difference * to_f32(scales[s]));
}
#endif
