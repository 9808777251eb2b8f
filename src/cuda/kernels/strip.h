// Rows of sums in shared memory, where they change hands between the lanes of a warp: fragments' pairs of columns go in, eight columns a lane come
// out. Of every eight columns the first four lie in the first half of a row and the last four in the second, so that neither way meets in a bank.
//
// A row has kLine floats: eight more than columns, which are a multiple of 16.
#pragma once
#include "device.h"

template <int kLine>
SINTER_DEVICE constexpr int strip_word(int column) {
  static_assert(kLine % 16 == 8, "halves that begin at sixteen bytes");
  return column / 8 * 4 + column % 4 + (column / 4 % 2 ? kLine / 2 : 0);
}
// Columns column … column + 7, column a multiple of 8, of the row at `row`.
template <int kLine>
SINTER_DEVICE void load_strip(u32 row, int column, f32 (&v)[8]) {
  const u32 from = row + column * 2;
  const Vec<f32, 4> low = load_shared_f32x4(from), high = load_shared_f32x4(from + kLine * 2);
  for (int e = 0; e < 4; ++e) v[e] = low.at[e], v[e + 4] = high.at[e];
}
