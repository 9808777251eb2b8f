// Vector kernels over rows of floats that softmax, normalizations and reductions are made of. One table per instruction set.
#pragma once

#include <cstdint>

#include "base/cpu_info.h"

namespace sinter::cpu {

struct RowKernels {
  float (*max)(const float* a, int64_t n);                                    // NaN if any is; -infinity for n == 0
  float (*min)(const float* a, int64_t n);                                    // NaN if any is; infinity for n == 0
  float (*sum)(const float* a, int64_t n);                                    // in many partial sums
  float (*sum_abs)(const float* a, int64_t n);
  float (*sum_square)(const float* a, float center, int64_t n);               // of a[i] - center
  // d[i] = exp(a[i] - shift), zero where a[i] - shift < -87; their sum. For a shift that is the largest of a.
  float (*exp_sum)(float* d, const float* a, float shift, int64_t n);
  void (*scale)(float* d, const float* a, float factor, int64_t n);           // d[i] = a[i] * factor
  // d[i] = a[i] * factor + mask[i], and -infinity where mask[i] is, whatever a[i] is.
  void (*scale_masked)(float* d, const float* a, float factor, const float* mask, int64_t n);
  // d[i] = (a[i] - shift) * factor * gain[i] + bias[i]; gain and bias may be null.
  void (*normalize)(float* d, const float* a, float shift, float factor, const float* gain, const float* bias, int64_t n);
  // d[i] = the largest of rows[k][i], NaN if any is; factor times their sum. count >= 1.
  void (*max_of_rows)(float* d, const float* const* rows, int count, int64_t n);
  void (*sum_of_rows)(float* d, const float* const* rows, int count, float factor, int64_t n);
  void (*affine)(float* d, const float* a, float shift, float factor, float offset, int64_t n);  // (a[i] - shift) * factor + offset
  int64_t (*find)(const float* a, float value, int64_t n);  // the first element equal to value, NaN to NaN; n: there is none

  // The same down the columns of `rows` rows of n floats, which begin `stride` floats apart.
  void (*column_sum)(float* d, const float* a, int64_t stride, int64_t rows, int64_t n);
  void (*column_sum_square)(float* d, const float* a, const float* center, int64_t stride, int64_t rows, int64_t n);
  // Rows of d are as far apart as a's.
  void (*column_affine)(float* d, const float* a, const float* shift, const float* factor, const float* offset, int64_t stride,
                        int64_t rows, int64_t n);
  // Where a[i] is above best[i] (largest; else below), NaN, or equal while `last`, and best[i] is no NaN: best[i] = a[i] and
  // index[i] = row.
  void (*keep_best)(float* best, int32_t* index, const float* a, int32_t row, bool largest, bool last, int64_t n);
};

const RowKernels& row_kernels(Isa isa);

}  // namespace sinter::cpu
