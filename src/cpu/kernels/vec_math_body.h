// exp, expm1, erf, tanh and the activations on one vector. Included after a simd_*.h; internal linkage.
//
// Largest errors over all floats, measured by tests/cpu_kernels/activation_test.cpp with FMA: exp and erf within 2 ulp,
// tanh within 3, sigmoid, gelu and mish within 4. NaN gives NaN; infinities give the limits.
#pragma once

#include "cpu/kernels/epilogue.h"

namespace sinter::cpu {
namespace {

// exp(x) = 2^n * (1 + p): n integral, p = exp(r) - 1 for |r| <= ln(2) / 2.
struct ExpParts {
  Vec n, p;
};

inline ExpParts exp_parts(Vec x) {
  // Beyond these bounds exp is 0 or infinity; 2^n stays in reach of scale_by_power.
  x = min_of(splat(89.0f), max_of(splat(-105.0f), x));
  const Vec n = round_even(mul(x, splat(1.44269504f)));
  Vec r = fma(n, splat(-0.693145752f), x);  // ln 2 in two parts; the first has 15 bits, so n times it is exact
  r = fma(n, splat(-1.42860677e-6f), r);
  Vec p = splat(1.98412698e-4f);     // Taylor terms 1/7! .. 1/2!: error below 2^-26 for |r| <= 0.3466
  p = fma(p, r, splat(1.38888889e-3f));
  p = fma(p, r, splat(8.33333333e-3f));
  p = fma(p, r, splat(4.16666667e-2f));
  p = fma(p, r, splat(1.66666667e-1f));
  p = fma(p, r, splat(0.5f));
  return {n, fma(mul(p, r), r, r)};
}

#if defined(__AVX512F__)

// exp(x) = 2^n * exp(r), n in sixteenths: the fractional powers are one register, which leaves |r| <= ln(2) / 32.
inline Vec exp_bounded(Vec x) {
  alignas(64) static constexpr float kPowers[16] = {1.0f,        1.04427378f, 1.09050773f, 1.13878863f, 1.18920712f, 1.24185781f,
                                                    1.29683955f, 1.35425555f, 1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f,
                                                    1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};
  constexpr float kRound = 786432.0f;  // 1.5 * 2^19: adding it leaves sixteenths in the low bits
  const Vec shifted = fma(x, splat(1.44269504f), splat(kRound)), n = sub(shifted, splat(kRound));
  Vec r = fma(n, splat(-0.693145752f), x);
  r = fma(n, splat(-1.42860677e-6f), r);
  const Vec q = fma(mul(r, r), fma(r, splat(1.66666667e-1f), splat(0.5f)), r);
  const Vec power = _mm512_permutexvar_ps(_mm512_castps_si512(shifted), _mm512_load_ps(kPowers));
  return scale_by_power(fma(power, q, power), n);  // scaling takes n's integral part
}

inline Vec exp_of(Vec x) { return exp_bounded(min_of(splat(89.0f), max_of(splat(-105.0f), x))); }

// exp(-|x|).
inline Vec exp_of_negative(Vec x) { return exp_bounded(max_of(splat(-105.0f), _mm512_or_ps(x, splat(-0.0f)))); }

#else

inline Vec exp_of(Vec x) {
  const ExpParts e = exp_parts(x);
  return scale_by_power(add(e.p, splat(1.0f)), e.n);
}

inline Vec exp_of_negative(Vec x) { return exp_of(sub(splat(0.0f), abs_of(x))); }

#endif

inline Vec expm1_of(Vec x) {
  const ExpParts e = exp_parts(x);
  const Vec power = scale_by_power(splat(1.0f), e.n);
  return fma(e.p, power, sub(power, splat(1.0f)));
}

// With exp of a negative argument, so that the small values of the left side are not 1 / infinity.
inline Vec sigmoid_of(Vec x) {
  const Vec e = exp_of_negative(x);
  return quotient(select_less(x, splat(0.0f), e, splat(1.0f)), add(splat(1.0f), e));
}

// Minimax polynomials of Norbert Juffa's public tanhf and erff.
inline Vec tanh_of(Vec x) {
  const Vec a = abs_of(x), s = mul(x, x);
  const Vec e = exp_of(add(a, a));
  const Vec large = sub(splat(1.0f), div(splat(2.0f), add(e, splat(1.0f))));
  Vec p = splat(1.57394409e-2f);
  p = fma(p, s, splat(-5.23025580e-2f));
  p = fma(p, s, splat(1.33152470e-1f));
  p = fma(p, s, splat(-3.33327681e-1f));
  p = fma(mul(p, s), x, x);
  return select_less(a, splat(0.55f), p, copy_sign(large, x));
}

inline Vec erf_of(Vec x) {
  const Vec a = abs_of(x), s = mul(x, x);
  // At 4 and beyond erf rounds to 1; the bound keeps infinity out of the polynomial.
  const Vec t = min_of(splat(4.0f), a), t2 = mul(t, t);
  Vec r = fma(splat(-1.72853470e-5f), t, splat(3.83197126e-4f));
  const Vec u = fma(splat(-3.88396438e-3f), t, splat(2.42546219e-2f));
  r = fma(r, t2, u);
  r = fma(r, t, splat(-1.06777877e-1f));
  r = fma(r, t, splat(-6.34846687e-1f));
  r = fma(r, t, splat(-1.28717512e-1f));
  r = fma(r, t, sub(splat(0.0f), t));
  const Vec large = copy_sign(sub(splat(1.0f), exp_of(r)), x);
  Vec p = splat(-5.96761703e-4f);
  p = fma(p, s, splat(4.99119423e-3f));
  p = fma(p, s, splat(-2.67681349e-2f));
  p = fma(p, s, splat(1.12819925e-1f));
  p = fma(p, s, splat(-3.76125336e-1f));
  p = fma(p, s, splat(1.28379166e-1f));
  return select_less(a, splat(0.927734375f), fma(p, x, x), large);
}

inline Vec gelu_erf_of(Vec x) {
  const Vec half = mul(x, splat(0.5f));
  return fma(half, erf_of(mul(x, splat(0.70710678f))), half);
}

inline Vec gelu_tanh_of(Vec x) {
  const Vec half = mul(x, splat(0.5f));
  const Vec inner = mul(x, fma(mul(x, x), splat(0.79788456f * 0.044715f), splat(0.79788456f)));
  return fma(half, tanh_of(inner), half);
}

// tanh(log(1 + e)) = e (e + 2) / (e (e + 2) + 2); beyond 20 that is 1 in float.
inline Vec mish_of(Vec x) {
  const Vec e = exp_of(min_of(splat(20.0f), x));
  const Vec m = mul(e, add(e, splat(2.0f)));
  return mul(x, div(m, add(m, splat(2.0f))));
}

inline Vec unit_clamp(Vec x) { return min_of(splat(1.0f), max_of(splat(0.0f), x)); }

template <typename Fn>
void activate_each(float* c, int64_t c_stride, int rows, int cols, const float* residual, int64_t residual_stride,
                   Fn fn) {
  for (int r = 0; r < rows; ++r) {
    for (int j = 0; j < cols; j += kLanes) {
      const LaneMask mask = first_lanes(cols - j);
      Vec v = fn(load(c + r * c_stride + j, mask));
      if (residual != nullptr) v = add(v, load(residual + r * residual_stride + j, mask));
      store(c + r * c_stride + j, v, mask);
    }
  }
}

// The activation and a residual after it, on a block of finished sums.
__attribute__((noinline)) void activate_block(float* c, int64_t c_stride, int rows, int cols, const Epilogue& epilogue,
                                              int64_t row, int64_t col) {
  const float* residual = nullptr;
  if (epilogue.residual != nullptr && epilogue.residual_after_activation) {
    residual = epilogue.residual + row * epilogue.residual_stride + col;
  }
  const Vec alpha = splat(epilogue.alpha), beta = splat(epilogue.beta), zero = splat(0.0f);
  const auto each = [&](auto fn) {
    activate_each(c, c_stride, rows, cols, residual, epilogue.residual_stride, fn);
  };
  switch (epilogue.activation) {
    case Activation::kNone: if (residual != nullptr) each([](Vec x) { return x; }); break;
    case Activation::kRelu: each([=](Vec x) { return max_of(zero, x); }); break;
    case Activation::kClip: each([=](Vec x) { return min_of(beta, max_of(alpha, x)); }); break;
    case Activation::kLeakyRelu: each([=](Vec x) { return select_less(x, zero, mul(alpha, x), x); }); break;
    case Activation::kSigmoid: each([](Vec x) { return sigmoid_of(x); }); break;
    case Activation::kSilu:
      if (epilogue.alpha == 1.0f) each([](Vec x) { return mul(x, sigmoid_of(x)); });
      else each([=](Vec x) { return mul(x, sigmoid_of(mul(alpha, x))); });
      break;
    case Activation::kHardSigmoid: each([=](Vec x) { return unit_clamp(fma(alpha, x, beta)); }); break;
    case Activation::kHardSwish: each([=](Vec x) { return mul(x, unit_clamp(fma(alpha, x, beta))); }); break;
    case Activation::kGeluErf: each([](Vec x) { return gelu_erf_of(x); }); break;
    case Activation::kGeluTanh: each([](Vec x) { return gelu_tanh_of(x); }); break;
    case Activation::kTanh: each([](Vec x) { return tanh_of(x); }); break;
    case Activation::kErf: each([](Vec x) { return erf_of(x); }); break;
    case Activation::kExp: each([](Vec x) { return exp_of(x); }); break;
    case Activation::kMish: each([](Vec x) { return mish_of(x); }); break;
    case Activation::kElu: each([=](Vec x) { return select_less(x, zero, mul(alpha, expm1_of(x)), x); }); break;
  }
}

}  // namespace
}  // namespace sinter::cpu
