// What generated epilogues of dense.cu are made of: eight columns of an operand to floats, and of the result to memory. Uses dense.cu's
// compile-time names.
#pragma once

#include "bytes.h"

SINTER_DEVICE int divide(int n, const Divisor& by) { return (int)((u64)(u32)n * by.mul >> (31 + by.shift)); }

// Where eight neighbouring elements of the result are.
struct Place {
  int outer, inner, row, column;
  i64 offset;  // of the result, from C
  int count;   // columns that exist: 8, fewer at the right edge where !WHOLE
  bool exists;  // the result is to be written
};

// kWhole: sixteen-byte accesses (eight elements of 16 bits at once); otherwise only the first `count` columns exist.
template <typename T, bool kWhole>
SINTER_DEVICE void load_eight(const T* from, int count, f32 (&out)[8]) {
  if constexpr (kWhole && sizeof(T) <= 4) {
    load_floats<T, 8>(from, out);
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) out[i] = i < count ? to_f32(from[i]) : 0.0f;
  }
}

template <typename T, typename Round = WholeBytes<T>>
SINTER_DEVICE void store_eight(T* to, const f32 (&v)[8], int count) {
  if constexpr (WHOLE) {
    constexpr int kEach = 16 / sizeof(T) < 8 ? 16 / sizeof(T) : 8;
#pragma unroll
    for (int i = 0; i < 8; i += kEach) store_floats<T, kEach, Round>(to + i, v + i);
  } else {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      if (i < count) store_float<T, Round>(to + i, v[i]);
    }
  }
}

// Operand i of the result's shape: at the same offsets.
template <typename T, bool kWhole>
SINTER_DEVICE void operand_full(const DenseParams& p, int i, const Place& place, f32 (&out)[8]) {
  load_eight<T, kWhole>((const T*)p.operands[i].data + place.offset, place.count, out);
}
// Times `by`, as the terms of results in steps are (dense_finish.h).
template <typename T, bool kWhole>
SINTER_DEVICE void operand_full_times(const DenseParams& p, int i, const Place& place, f32 by, f32 (&out)[8]) {
  const T* const from = (const T*)p.operands[i].data + place.offset;
  if constexpr (IsByte<T>::value && kWhole) {
    const Vec<u32, 2> words = load_vec<u32, 2>((const u32*)from);
    unpack_bytes_times<T>(words.at[0], by, out);
    unpack_bytes_times<T>(words.at[1], by, out + 4);
  } else {
    load_eight<T, kWhole>(from, place.count, out);
#pragma unroll
    for (int e = 0; e < 8; ++e) out[e] *= by;
  }
}
// One value a column.
template <typename T, bool kWhole>
SINTER_DEVICE void operand_column(const DenseParams& p, int i, const Place& place, f32 (&out)[8]) {
  load_eight<T, kWhole>((const T*)p.operands[i].data + place.inner * p.operands[i].inner + place.column, place.count, out);
}
SINTER_DEVICE i64 operand_row(const DenseParams& p, int i, const Place& place) {
  const DenseOperand& o = p.operands[i];
  const int image = divide(place.row, p.by_operand), pixel = place.row - image * p.operand_rows;
  return place.outer * o.outer + place.inner * o.inner + image * o.image + pixel * o.pixel;
}
// Any strides over batches and rows, columns side by side.
template <typename T, bool kWhole>
SINTER_DEVICE void operand_rows(const DenseParams& p, int i, const Place& place, f32 (&out)[8]) {
  load_eight<T, kWhole>((const T*)p.operands[i].data + operand_row(p, i, place) + place.column, place.count, out);
}
// Any strides over batches and rows, one value for all columns.
template <typename T>
SINTER_DEVICE void operand_same(const DenseParams& p, int i, const Place& place, f32 (&out)[8]) {
  const f32 v = to_f32(((const T*)p.operands[i].data)[operand_row(p, i, place)]);
#pragma unroll
  for (int e = 0; e < 8; ++e) out[e] = v;
}
