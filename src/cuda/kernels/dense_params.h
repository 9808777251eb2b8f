// What the dense kernels (dense.cu) are told at launch: included by kernel text and by C++, so plain types only. Strides are in elements.
#pragma once

namespace sinter_kernels {

// Division of n < 2^31 by a run-time constant: n * mul >> (31 + shift).
struct Divisor {
  unsigned mul, shift;
};

constexpr int kDenseOperands = 6;

// A further operand of the epilogue, where its strides differ from the result's: element (outer, inner, image, pixel, column).
struct DenseOperand {
  const void* data;
  long long outer, inner, image, pixel;
};

// c[z][row][column] = epilogue(sum over k of a[z][row][k] * b[z][k][column]). z = outer * inner_count + inner: batches or groups.
//
// A's rows are pixels: row = (image * rows_y + y) * rows_x + x begins at image * a_image + y * a_y + x * a_x; a matrix has rows_y = rows_x = 1.
// k = (r * taps_s + s) * channels + channel. With GATHER, tap (r, s) of row (y, x) is inside where 0 <= y * y_step + y_origin + r * y_tap < height
// and the same along x; its elements are r * a_r + s * a_s + channel further (origin and all); GATHER 2: every tap is inside. Without GATHER k is an offset; where copies are of
// single elements it is multiplied by a_s, so that A may be transposed.
struct DenseParams {
  const void* a;
  const void* b;
  void* c;
  float* partial;  // SPLIT 1: splits * BM * BN floats a tile
  int* counters;   // SPLIT 1: one a tile, zero before and after
  long long a_outer, a_inner, b_outer, b_inner, c_outer, c_inner;
  long long a_origin, a_image, a_y, a_x, a_r, a_s;
  long long b_row;  // stride of B's rows: of columns n where B is packed [n][k], of k where it is [k][n]
  long long c_image, c_y, c_x;
  int m, n, k, b_k;  // b_k: elements of a row of B[n][k] that may be read (padding with zeros included)
  int inner_count, splits, tiles_m, tiles_n;
  int rows_y, rows_x;
  int y_step, y_origin, y_tap, height;
  int x_step, x_origin, x_tap, width;
  int taps_r, taps_s, channels;
  Divisor by_inner, by_splits, by_image, by_x, by_channels, by_s, by_operand;  // by_image: rows_y * rows_x
  int operand_rows;                                                           // rows of an image as the operands' strides count them
  DenseOperand operands[kDenseOperands];

  // Integers: c = epilogue(float(sum of (a - a_zero) * (b - b_zero[column]) + bias[column]) * scale[column]). Tables have one entry a column,
  // those of the next group table_inner further.
  const float* scale;
  const int* bias;         // null: none; -a_zero * column_sums included where a_zero is known while building
  const int* bias_high;    // null, or the bias is bias + 2^32 * bias_high and may take a sum beyond 32 bits
  const int* column_sums;  // A_ZERO 1: sums over k of b - b_zero
  const void* a_zero;      // A_ZERO, FILL 2: one element
  const void* b_zero;      // B_ZERO 1: a table of i32; 2: elements of B's type, b_zero_step apart
  int scale_step, b_zero_step, table_inner;
  unsigned fill;  // FILL 1: what pixels outside hold, four times
};

}  // namespace sinter_kernels
