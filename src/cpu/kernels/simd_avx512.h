// Vectors of 16 floats in AVX-512. One of three headers with the same names (simd_avx2.h, simd_portable.h): the kernel
// bodies (*_body.h) are written once on top. Included only by files that are compiled for the instruction set; all
// names have internal linkage, so that no wide instruction can replace a common function.
//
// min_of(bound, x) and max_of(bound, x) return x when it is NaN: the bound comes first.
#pragma once

// GCC bug 105593: _mm512_undefined_ps() in the compiler's own header counts as uninitialized once inlined.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"

#include <immintrin.h>

#include <cstdint>

namespace sinter::cpu {
namespace {

constexpr int kLanes = 16;
using Vec = __m512;
using LaneMask = __mmask16;

// The first n lanes; n may be out of range.
inline LaneMask first_lanes(int64_t n) {
  return n >= kLanes ? 0xffff : static_cast<LaneMask>(n <= 0 ? 0 : (1u << n) - 1);
}
inline Vec load(const float* p) { return _mm512_loadu_ps(p); }
inline Vec load(const float* p, LaneMask mask) { return _mm512_maskz_loadu_ps(mask, p); }
inline void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
inline void store(float* p, Vec v, LaneMask mask) { _mm512_mask_storeu_ps(p, mask, v); }
inline Vec splat(float x) { return _mm512_set1_ps(x); }
inline Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
inline Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
inline Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
inline Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
inline Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
inline Vec max_of(Vec bound, Vec x) { return _mm512_max_ps(bound, x); }
inline Vec min_of(Vec bound, Vec x) { return _mm512_min_ps(bound, x); }
// The larger, NaN where either is.
inline Vec max_or_nan(Vec a, Vec b) { return _mm512_mask_max_ps(a, _mm512_cmp_ps_mask(a, a, _CMP_ORD_Q), a, b); }
inline Vec abs_of(Vec x) { return _mm512_abs_ps(x); }
inline Vec copy_sign(Vec magnitude, Vec sign) {
  // The immediate is the truth table of (a & c) | (b & ~c) with c the mask of all bits but the sign.
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(magnitude), _mm512_castps_si512(sign),
                                                       _mm512_set1_epi32(0x7fffffff), 0xe4));
}
inline Vec round_even(Vec x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
// a < b ? x : y, with y for unordered operands.
inline Vec select_less(Vec a, Vec b, Vec x, Vec y) {
  return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
// x * 2^floor(n) for n in [-160, 130], with gradual underflow and overflow to infinity.
inline Vec scale_by_power(Vec x, Vec n) { return _mm512_scalef_ps(x, n); }
// x / d for d in [1, 2^100], within 1 ulp: a division's own throughput is one vector in 16 cycles.
inline Vec quotient(Vec x, Vec d) {
  const Vec r = _mm512_rcp14_ps(d), q = _mm512_mul_ps(x, r);
  return _mm512_fmadd_ps(_mm512_fnmadd_ps(d, q, x), r, q);
}
// The lanes of the mask, zero in the others.
inline Vec keep_lanes(Vec v, LaneMask mask) { return _mm512_maskz_mov_ps(mask, v); }
// Over all lanes, by halves; the extremes of lanes that are not NaN.
inline float sum_lanes(Vec v) { return _mm512_reduce_add_ps(v); }
inline float max_lanes(Vec v) { return _mm512_reduce_max_ps(v); }
inline float min_lanes(Vec v) { return _mm512_reduce_min_ps(v); }
// Always inline: GCC takes a function that only prefetches for one without effects, and drops calls to it.
inline __attribute__((always_inline)) void prefetch_l1(const float* p) { _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0); }
inline __attribute__((always_inline)) void prefetch_l2(const char* p) { _mm_prefetch(p, _MM_HINT_T1); }

}  // namespace
}  // namespace sinter::cpu
