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
  return rows;
}

}  // namespace
}  // namespace sinter::cpu
