// Vectors of 8 floats in AVX2 with FMA; see simd_avx512.h for the rules.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace sinter::cpu {
namespace {

constexpr int kLanes = 8;
using Vec = __m256;
using LaneMask = int64_t;  // the number of lanes

inline LaneMask first_lanes(int64_t n) { return n; }
inline __m256i lane_bits(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Vec load(const float* p) { return _mm256_loadu_ps(p); }
inline Vec load(const float* p, LaneMask mask) {
  return mask >= kLanes ? load(p) : _mm256_maskload_ps(p, lane_bits(mask));
}
inline void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
inline void store(float* p, Vec v, LaneMask mask) {
  if (mask >= kLanes) store(p, v);
  else _mm256_maskstore_ps(p, lane_bits(mask), v);
}
inline Vec splat(float x) { return _mm256_set1_ps(x); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
inline Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
inline Vec max_of(Vec bound, Vec x) { return _mm256_max_ps(bound, x); }
inline Vec min_of(Vec bound, Vec x) { return _mm256_min_ps(bound, x); }
inline Vec max_or_nan(Vec a, Vec b) { return _mm256_blendv_ps(a, _mm256_max_ps(a, b), _mm256_cmp_ps(a, a, _CMP_ORD_Q)); }
inline Vec abs_of(Vec x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
inline Vec copy_sign(Vec magnitude, Vec sign) {
  const Vec bit = _mm256_set1_ps(-0.0f);
  return _mm256_or_ps(_mm256_andnot_ps(bit, magnitude), _mm256_and_ps(bit, sign));
}
inline Vec round_even(Vec x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
inline Vec select_less(Vec a, Vec b, Vec x, Vec y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
inline Vec scale_by_power(Vec x, Vec n) {
  // In two factors, so that each is a normal number.
  const __m256i exponent = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(exponent, 1);
  const __m256i rest = _mm256_sub_epi32(exponent, half), one = _mm256_set1_epi32(127);
  const Vec first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, one), 23));
  const Vec second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, one), 23));
  return mul(mul(x, first), second);
}
inline Vec quotient(Vec x, Vec d) { return div(x, d); }
// The lanes of the mask, zero in the others.
inline Vec keep_lanes(Vec v, LaneMask mask) {
  return mask >= kLanes ? v : _mm256_and_ps(v, _mm256_castsi256_ps(lane_bits(mask)));
}
// Over all lanes, by halves; the extremes of lanes that are not NaN.
template <typename Fn>
inline float reduce_lanes(Vec v, Fn fn) {
  const __m128 four = fn(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 two = fn(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(fn(two, _mm_movehdup_ps(two)));
}
inline float sum_lanes(Vec v) {
  return reduce_lanes(v, [](__m128 a, __m128 b) { return _mm_add_ps(a, b); });
}
inline float max_lanes(Vec v) {
  return reduce_lanes(v, [](__m128 a, __m128 b) { return _mm_max_ps(a, b); });
}
inline float min_lanes(Vec v) {
  return reduce_lanes(v, [](__m128 a, __m128 b) { return _mm_min_ps(a, b); });
}
// Always inline: GCC takes a function that only prefetches for one without effects, and drops calls to it.
inline __attribute__((always_inline)) void prefetch_l1(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
inline __attribute__((always_inline)) void prefetch_l2(const char* p) { _mm_prefetch(p, _MM_HINT_T1); }

}  // namespace
}  // namespace sinter::cpu
