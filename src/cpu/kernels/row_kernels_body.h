// The row kernels on top of a simd_*.h header (included before).
#pragma once

#include <limits>

#include "cpu/kernels/row_kernels.h"
#include "cpu/kernels/vec_math_body.h"

namespace sinter::cpu {
namespace {

// The dense kernels' entry to the same formulas; not needed here.
[[maybe_unused]] constexpr auto* kActivateBlock = &activate_block;

constexpr int kSums = 4;  // independent partial sums: hides the latency of an addition

// Sum of term(vector) over a row.
template <typename Term>
float sum_of(const float* a, int64_t n, Term term) {
  Vec sums[kSums] = {splat(0), splat(0), splat(0), splat(0)};
  int64_t i = 0;
  for (; i + kSums * kLanes <= n; i += kSums * kLanes) {
    for (int k = 0; k < kSums; ++k) sums[k] = add(sums[k], term(load(a + i + k * kLanes)));
  }
  for (; i + kLanes <= n; i += kLanes) sums[0] = add(sums[0], term(load(a + i)));
  if (i < n) {
    const LaneMask mask = first_lanes(n - i);
    sums[1] = add(sums[1], keep_lanes(term(load(a + i, mask)), mask));
  }
  return sum_lanes(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
}

float row_sum(const float* a, int64_t n) {
  return sum_of(a, n, [](Vec x) { return x; });
}

float row_sum_abs(const float* a, int64_t n) {
  return sum_of(a, n, [](Vec x) { return abs_of(x); });
}

float row_sum_square(const float* a, float center, int64_t n) {
  const Vec c = splat(center);
  return sum_of(a, n, [=](Vec x) {
    const Vec d = sub(x, c);
    return mul(d, d);
  });
}

// Lane comparisons drop a NaN again, so whether there was one is kept beside: in a sum of the values clamped to [-1, 1].
template <bool kMax>
float row_extreme(const float* a, int64_t n) {
  constexpr float kStart = kMax ? -std::numeric_limits<float>::infinity() : std::numeric_limits<float>::infinity();
  const Vec one = splat(1.0f), minus_one = splat(-1.0f);
  Vec best[2] = {splat(kStart), splat(kStart)}, seen[2] = {splat(0.0f), splat(0.0f)};
  const auto take = [&](int k, Vec x) {
    best[k] = kMax ? max_of(best[k], x) : min_of(best[k], x);
    seen[k] = add(seen[k], max_of(minus_one, min_of(one, x)));
  };
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    take(0, load(a + i));
    take(1, load(a + i + kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) take(0, load(a + i));
  if (i < n && n >= kLanes) {
    take(1, load(a + n - kLanes));  // some of it for the second time, which changes no extreme
    i = n;
  }
  float result = kMax ? max_lanes(max_of(best[0], best[1])) : min_lanes(min_of(best[0], best[1]));
  bool unordered = false;
  for (; i < n; ++i) {
    result = (kMax ? a[i] > result : a[i] < result) ? a[i] : result;
    unordered |= a[i] != a[i];
  }
  const float sum = sum_lanes(add(seen[0], seen[1]));
  return unordered || sum != sum ? std::numeric_limits<float>::quiet_NaN() : result;
}

// exp, and zero where that is not a normal number: beside the row's largest term, which is 1, it counts for nothing, and arithmetic
// on subnormal numbers is a hundred times slower. Masked scores are there.
inline Vec exp_or_zero(Vec x) {
  const Vec least = splat(-87.0f);
  return select_less(x, least, splat(0.0f), exp_of(max_of(least, x)));
}

float row_exp_sum(float* d, const float* a, float shift, int64_t n) {
  const Vec s = splat(shift);
  Vec sums[2] = {splat(0), splat(0)};
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    for (int k = 0; k < 2; ++k) {
      const Vec e = exp_or_zero(sub(load(a + i + k * kLanes), s));
      store(d + i + k * kLanes, e);
      sums[k] = add(sums[k], e);
    }
  }
  for (; i < n; i += kLanes) {
    const LaneMask mask = first_lanes(n - i);
    const Vec e = exp_or_zero(sub(load(a + i, mask), s));
    store(d + i, e, mask);
    sums[0] = add(sums[0], keep_lanes(e, mask));
  }
  return sum_lanes(add(sums[0], sums[1]));
}

void row_scale(float* d, const float* a, float factor, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) d[i] = a[i] * factor;
}

void row_scale_masked(float* d, const float* a, float factor, const float* mask, int64_t n) {
  const Vec f = splat(factor), lowest = splat(std::numeric_limits<float>::lowest());
  for (int64_t i = 0; i < n; i += kLanes) {
    const LaneMask lanes = first_lanes(n - i);
    const Vec m = load(mask + i, lanes);
    store(d + i, select_less(m, lowest, m, add(mul(load(a + i, lanes), f), m)), lanes);
  }
}

void row_normalize(float* d, const float* a, float shift, float factor, const float* gain, const float* bias, int64_t n) {
  if (gain == nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) d[i] = (a[i] - shift) * factor;
  } else if (bias == nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) d[i] = (a[i] - shift) * factor * gain[i];
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) d[i] = (a[i] - shift) * factor * gain[i] + bias[i];
  }
}

// d = finish(rows combined), two vectors at a time.
template <typename Combine, typename Finish>
inline void combine_rows(float* d, const float* const* rows, int count, int64_t n, Combine combine, Finish finish) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    Vec a = load(rows[0] + i), b = load(rows[0] + i + kLanes);
    for (int k = 1; k < count; ++k) {
      a = combine(a, load(rows[k] + i));
      b = combine(b, load(rows[k] + i + kLanes));
    }
    store(d + i, finish(a));
    store(d + i + kLanes, finish(b));
  }
  for (; i < n; i += kLanes) {
    const LaneMask mask = first_lanes(n - i);
    Vec a = load(rows[0] + i, mask);
    for (int k = 1; k < count; ++k) a = combine(a, load(rows[k] + i, mask));
    store(d + i, finish(a), mask);
  }
}

void max_of_rows(float* d, const float* const* rows, int count, int64_t n) {
  combine_rows(d, rows, count, n, [](Vec a, Vec b) { return max_or_nan(a, b); }, [](Vec a) { return a; });
}

void sum_of_rows(float* d, const float* const* rows, int count, float factor, int64_t n) {
  const Vec f = splat(factor);
  combine_rows(d, rows, count, n, [](Vec a, Vec b) { return add(a, b); }, [f](Vec a) { return mul(a, f); });
}

void row_affine(float* d, const float* a, float shift, float factor, float offset, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) d[i] = (a[i] - shift) * factor + offset;
}

int64_t row_find(const float* a, float value, int64_t n) {
  constexpr int64_t kBlock = 64;  // searched as a whole: no branch but the last
  const bool wants_nan = value != value;
  int64_t i = 0;
  for (; i + kBlock <= n; i += kBlock) {
    int32_t hits = 0;
    if (wants_nan) {
      for (int64_t k = i; k < i + kBlock; ++k) hits |= a[k] != a[k];
    } else {
      for (int64_t k = i; k < i + kBlock; ++k) hits |= a[k] == value;
    }
    if (hits != 0) break;
  }
  for (; i + kLanes <= n; i += kLanes) {
    int32_t hits = 0;
    for (int64_t k = i; k < i + kLanes; ++k) hits |= wants_nan ? a[k] != a[k] : a[k] == value;
    if (hits != 0) break;
  }
  while (i < n && !(wants_nan ? a[i] != a[i] : a[i] == value)) ++i;
  return i;
}

// Sums of term(vector, column) down the columns, four vectors of columns at a time.
template <typename Term>
void sum_columns(float* d, const float* a, int64_t stride, int64_t rows, int64_t n, Term term) {
  int64_t i = 0;
  for (; i + kSums * kLanes <= n; i += kSums * kLanes) {
    Vec sums[kSums] = {splat(0), splat(0), splat(0), splat(0)};
    for (int64_t r = 0; r < rows; ++r) {
      for (int k = 0; k < kSums; ++k) sums[k] = add(sums[k], term(load(a + r * stride + i + k * kLanes), i + k * kLanes, first_lanes(kLanes)));
    }
    for (int k = 0; k < kSums; ++k) store(d + i + k * kLanes, sums[k]);
  }
  for (; i < n; i += kLanes) {
    const LaneMask mask = first_lanes(n - i);
    Vec sums[2] = {splat(0), splat(0)};
    int64_t r = 0;
    for (; r + 2 <= rows; r += 2) {
      for (int k = 0; k < 2; ++k) sums[k] = add(sums[k], term(load(a + (r + k) * stride + i, mask), i, mask));
    }
    if (r < rows) sums[0] = add(sums[0], term(load(a + r * stride + i, mask), i, mask));
    store(d + i, add(sums[0], sums[1]), mask);
  }
}

void column_sum(float* d, const float* a, int64_t stride, int64_t rows, int64_t n) {
  sum_columns(d, a, stride, rows, n, [](Vec x, int64_t, LaneMask) { return x; });
}

void column_sum_square(float* d, const float* a, const float* center, int64_t stride, int64_t rows, int64_t n) {
  sum_columns(d, a, stride, rows, n, [=](Vec x, int64_t i, LaneMask mask) {
    const Vec difference = sub(x, load(center + i, mask));
    return mul(difference, difference);
  });
}

void column_affine(float* d, const float* a, const float* shift, const float* factor, const float* offset, int64_t stride, int64_t rows,
                   int64_t n) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* from = a + r * stride;
    float* to = d + r * stride;
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) to[i] = (from[i] - shift[i]) * factor[i] + offset[i];
  }
}

template <bool kLargest, bool kLast>
void keep_best_of(float* best, int32_t* index, const float* a, int32_t row, int64_t n) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) {
    const float x = a[i], b = best[i];
    // As masks: branches on comparisons of floats keep the loop from being vectorised.
    const bool better = kLargest ? (kLast ? !(x < b) : !(x <= b)) : (kLast ? !(x > b) : !(x >= b));  // true for NaN
    const bool take = better & (b == b);
    best[i] = take ? x : b;
    index[i] = take ? row : index[i];
  }
}

void keep_best(float* best, int32_t* index, const float* a, int32_t row, bool largest, bool last, int64_t n) {
  if (largest) {
    last ? keep_best_of<true, true>(best, index, a, row, n) : keep_best_of<true, false>(best, index, a, row, n);
  } else {
    last ? keep_best_of<false, true>(best, index, a, row, n) : keep_best_of<false, false>(best, index, a, row, n);
  }
}

RowKernels make_rows() {
  RowKernels rows;
  rows.max_of_rows = &max_of_rows;
  rows.sum_of_rows = &sum_of_rows;
  rows.max = &row_extreme<true>;
  rows.min = &row_extreme<false>;
  rows.sum = &row_sum;
  rows.sum_abs = &row_sum_abs;
  rows.sum_square = &row_sum_square;
  rows.exp_sum = &row_exp_sum;
  rows.scale = &row_scale;
  rows.scale_masked = &row_scale_masked;
  rows.normalize = &row_normalize;
  rows.affine = &row_affine;
  rows.find = &row_find;
  rows.column_sum = &column_sum;
  rows.column_sum_square = &column_sum_square;
  rows.column_affine = &column_affine;
  rows.keep_best = &keep_best;
  return rows;
}

}  // namespace
}  // namespace sinter::cpu
