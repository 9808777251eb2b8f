// Sums of dense.cu: f32, or i32 of 8-bit integers (INTEGERS), which travel as the bits of floats, and what makes them the values that epilogues
// see. Kernels whose f32 sums are exact, being whole numbers below 2^24 (depthwise.cu, first_conv.cu), say so by SINTER_EXACT_SUMS. Uses dense.cu's
// compile-time names.
#pragma once

#ifndef INTEGERS
#define INTEGERS 0
#endif
#if !INTEGERS
typedef f32 Sum;
SINTER_DEVICE f32 carried(f32 sum) { return sum; }
SINTER_DEVICE f32 sum_of(f32 carrier) { return carrier; }
struct Scales {};
SINTER_DEVICE void load_scales(const DenseParams&, const Place&, Scales&) {}
#else
typedef i32 Sum;
SINTER_DEVICE f32 carried(i32 sum) { return f32_of((u32)sum); }
SINTER_DEVICE i32 sum_of(f32 carrier) { return (i32)bits_of(carrier); }

// Of eight columns.
struct Scales {
  f32 scale[8];
  i32 bias[8];
};
SINTER_DEVICE int table_column(const DenseParams& p, const Place& place) { return place.inner * p.table_inner + place.column; }
template <typename T>
SINTER_DEVICE void load_table(const T* from, int count, T (&out)[8]) {
  if constexpr (WHOLE) {
    const Vec<T, 4> low = load_vec<T, 4>(from), high = load_vec<T, 4>(from + 4);
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] = low.at[i], out[i + 4] = high.at[i];
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) out[i] = i < count ? from[i] : T(0);
  }
}
SINTER_DEVICE void load_scales(const DenseParams& p, const Place& place, Scales& scales) {
  const int column = table_column(p, place);
  if (p.scale_step) {
    load_table(p.scale + column, place.count, scales.scale);
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) scales.scale[i] = *p.scale;
  }
  if (p.bias) {
    load_table(p.bias + column, place.count, scales.bias);
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) scales.bias[i] = 0;
  }
#if A_ZERO == 1
  i32 sums[8];
  load_table(p.column_sums + column, place.count, sums);
#pragma unroll
  for (int i = 0; i < 8; ++i) scales.bias[i] = (i32)((u32)scales.bias[i] - (u32)sums[i] * (u32)(i32)*(const TYPE*)p.a_zero);
#endif
}
// Sums with their bias as floats, not yet scaled; the wide ones are those that may exceed 32 bits, which only biases near the ends of 32 bits make, or
// whose biases are no exact floats where sums are.
SINTER_DEVICE void to_floats_wide(const DenseParams& p, const Place& place, const Scales& scales, f32 (&v)[8]) {
  const int column = table_column(p, place);
#pragma unroll
  for (int i = 0; i < 8; ++i) {
    if (i >= place.count) continue;
    const i32 bias = p.bias[column + i];
#ifdef SINTER_EXACT_SUMS
    v[i] = carried((i32)v[i]);
#endif
    const u32 corrected = bits_of(v[i]) + ((u32)scales.bias[i] - (u32)bias);
    v[i] = (f32)((i64)(i32)corrected + bias + p.bias_high[column + i] * ((i64)1 << 32));
  }
}
SINTER_DEVICE void to_floats(const Scales& scales, f32 (&v)[8]) {
#pragma unroll
#ifdef SINTER_EXACT_SUMS
  for (int i = 0; i < 8; ++i) v[i] += (f32)scales.bias[i];  // which is exact too, so that the sum is rounded once
#else
  for (int i = 0; i < 8; ++i) v[i] = (f32)(i32)(bits_of(v[i]) + (u32)scales.bias[i]);
#endif
}
#endif
// The zero point of such a kernel's image, whose elements are FROM.
#ifndef FILL
#define FILL 0
#endif
#if FILL && defined(FROM)
SINTER_DEVICE f32 image_zero(const DenseParams& p) { return FILL == 2 ? to_f32(*(const FROM*)p.a_zero) : to_f32((FROM)(p.fill & 0xff)); }
#else
SINTER_DEVICE f32 image_zero(const DenseParams&) { return 0.0f; }
#endif
