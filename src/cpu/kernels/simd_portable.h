// Vectors of 4 floats in the compiler's generic vectors (SSE2, NEON, whatever the baseline is); see simd_avx512.h for
// the rules. Highway 1.0.3 has no SSE2 target (it falls back to scalar emulation there), hence not Highway.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace sinter::cpu {
namespace {

constexpr int kLanes = 4;
typedef float Vec __attribute__((vector_size(16)));
typedef int32_t VecInt __attribute__((vector_size(16)));
using LaneMask = int64_t;  // the number of lanes

inline LaneMask first_lanes(int64_t n) { return n; }
inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof(v)); }
inline Vec load(const float* p, LaneMask mask) {
  if (mask >= kLanes) return load(p);
  Vec v = {0, 0, 0, 0};
  for (int i = 0; i < mask; ++i) v[i] = p[i];
  return v;
}
inline void store(float* p, Vec v, LaneMask mask) {
  if (mask >= kLanes) return store(p, v);
  for (int i = 0; i < mask; ++i) p[i] = v[i];
}
inline Vec splat(float x) { return Vec{x, x, x, x}; }
inline Vec add(Vec a, Vec b) { return a + b; }
inline Vec sub(Vec a, Vec b) { return a - b; }
inline Vec mul(Vec a, Vec b) { return a * b; }
inline Vec div(Vec a, Vec b) { return a / b; }
inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__aarch64__)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}
inline Vec blend(VecInt condition, Vec x, Vec y) {
  return reinterpret_cast<Vec>((reinterpret_cast<VecInt>(x) & condition) |
                               (reinterpret_cast<VecInt>(y) & ~condition));
}
inline Vec select_less(Vec a, Vec b, Vec x, Vec y) { return blend(a < b, x, y); }
inline Vec max_of(Vec bound, Vec x) { return blend(bound > x, bound, x); }
inline Vec min_of(Vec bound, Vec x) { return blend(bound < x, bound, x); }
inline Vec max_or_nan(Vec a, Vec b) { return blend(a == a, max_of(a, b), a); }
inline Vec abs_of(Vec x) { return reinterpret_cast<Vec>(reinterpret_cast<VecInt>(x) & 0x7fffffff); }
inline Vec copy_sign(Vec magnitude, Vec sign) {
  const VecInt bits = VecInt{0, 0, 0, 0} + 0x7fffffff;
  return blend(bits, magnitude, sign);
}
// For |x| < 2^22: adding 1.5 * 2^23 leaves no fraction bits.
inline Vec round_even(Vec x) { return (x + 12582912.0f) - 12582912.0f; }
inline Vec scale_by_power(Vec x, Vec n) {
  // In two factors, so that each is a normal number. The bound keeps a NaN's conversion defined.
  const Vec bounded = min_of(splat(256.0f), max_of(splat(-256.0f), n));
  VecInt exponent;
  for (int i = 0; i < kLanes; ++i) exponent[i] = bounded[i] == bounded[i] ? static_cast<int32_t>(bounded[i]) : 0;
  const VecInt half = exponent >> 1, rest = exponent - half;
  return x * reinterpret_cast<Vec>((half + 127) << 23) * reinterpret_cast<Vec>((rest + 127) << 23);
}
inline Vec quotient(Vec x, Vec d) { return div(x, d); }
// The lanes of the mask, zero in the others.
inline Vec keep_lanes(Vec v, LaneMask mask) {
  for (int i = 0; i < kLanes; ++i) v[i] = i < mask ? v[i] : 0.0f;
  return v;
}
// Over all lanes, by halves; the extremes of lanes that are not NaN.
inline float sum_lanes(Vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }
template <typename Fn>
inline float reduce_lanes(Vec v, Fn fn) { return fn(fn(v[0], v[1]), fn(v[2], v[3])); }
inline float max_lanes(Vec v) {
  return reduce_lanes(v, [](float a, float b) { return a > b ? a : b; });
}
inline float min_lanes(Vec v) {
  return reduce_lanes(v, [](float a, float b) { return a < b ? a : b; });
}
// Always inline: GCC takes a function that only prefetches for one without effects, and drops calls to it.
inline __attribute__((always_inline)) void prefetch_l1(const float* p) { __builtin_prefetch(p, 1, 3); }
inline __attribute__((always_inline)) void prefetch_l2(const char* p) { __builtin_prefetch(p, 0, 2); }

}  // namespace
}  // namespace sinter::cpu
