// The instructions of pointwise programs, as core's evaluate_pointwise states them: f32 arithmetic, comparisons give 0 or 1, NaN propagates.
#pragma once

#include "device.h"

// Results of sixteen or eight bits take the processor's own exponential and reciprocal, which are exact to a few units of f32's last place.
#if defined(OUT)
constexpr bool kFast = sizeof(OUT) <= 2;
#elif defined(SINTER_HALF_RESULT)
constexpr bool kFast = true;
#else
constexpr bool kFast = false;
#endif
SINTER_DEVICE f32 exp_fast(f32 x) { return exp2_fast(x * 1.4426950408889634f); }
// Half of erfc(|x|), by Abramowitz and Stegun 7.1.26: within 1e-7.
SINTER_DEVICE f32 half_erfc_fast(f32 x) {
  const f32 size = fabsf(x), t = reciprocal_fast(fmaf(0.3275911f, size, 1.0f));
  const f32 sum = fmaf(fmaf(fmaf(fmaf(0.5307027145f, t, -0.7265760135f), t, 0.7107068705f), t, -0.142248368f), t, 0.127414796f);
  return sum * t * exp_fast(-size * size);
}

SINTER_DEVICE f32 pw_truth(bool x) { return x ? 1.0f : 0.0f; }
SINTER_DEVICE f32 pw_clamp(f32 x, f32 low, f32 high) {
  const f32 raised = x < low ? low : x;
  return raised > high ? high : raised;
}
SINTER_DEVICE f32 pw_neg(f32 x) { return -x; }
SINTER_DEVICE f32 pw_abs(f32 x) { return fabsf(x); }
SINTER_DEVICE f32 pw_exp(f32 x) { return expf(x); }
SINTER_DEVICE f32 pw_log(f32 x) { return logf(x); }
SINTER_DEVICE f32 pw_sqrt(f32 x) { return sqrtf(x); }
SINTER_DEVICE f32 pw_reciprocal(f32 x) { return 1.0f / x; }
SINTER_DEVICE f32 pw_relu(f32 x) { return x < 0.0f ? 0.0f : x; }
SINTER_DEVICE f32 pw_sigmoid(f32 x) {
  if constexpr (kFast) return reciprocal_fast(1.0f + exp_fast(-x));
  const f32 e = expf(-fabsf(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}
SINTER_DEVICE f32 pw_tanh(f32 x) { return tanhf(x); }
SINTER_DEVICE f32 pw_erf(f32 x) { return erff(x); }
SINTER_DEVICE f32 pw_gelu(f32 x) {
  if constexpr (kFast) {
    const f32 tail = half_erfc_fast(x * 0.70710678118654752f);
    return x * (x < 0.0f ? tail : 1.0f - tail);
  }
  return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f));
}
SINTER_DEVICE f32 pw_gelu_tanh(f32 x) { return 0.5f * x * (1.0f + tanhf(0.79788456080286536f * (x + 0.044715f * x * x * x))); }
SINTER_DEVICE f32 pw_silu(f32 x) { return x * pw_sigmoid(x); }
SINTER_DEVICE f32 pw_hard_swish(f32 x) { return x * pw_clamp(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f); }
SINTER_DEVICE f32 pw_softplus(f32 x) { return is_nan(x) ? x : (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x))); }
SINTER_DEVICE f32 pw_mish(f32 x) { return x * tanhf(pw_softplus(x)); }
SINTER_DEVICE f32 pw_softsign(f32 x) { return x / (1.0f + fabsf(x)); }
SINTER_DEVICE f32 pw_floor(f32 x) { return floorf(x); }
SINTER_DEVICE f32 pw_ceil(f32 x) { return ceilf(x); }
SINTER_DEVICE f32 pw_round(f32 x) { return rintf(x); }
SINTER_DEVICE f32 pw_sign(f32 x) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : x; }
SINTER_DEVICE f32 pw_not(f32 x) { return x != 0.0f ? 0.0f : 1.0f; }
SINTER_DEVICE f32 pw_isnan(f32 x) { return pw_truth(is_nan(x)); }
SINTER_DEVICE f32 pw_sin(f32 x) { return sinf(x); }
SINTER_DEVICE f32 pw_cos(f32 x) { return cosf(x); }
SINTER_DEVICE f32 pw_tan(f32 x) { return tanf(x); }
SINTER_DEVICE f32 pw_asin(f32 x) { return asinf(x); }
SINTER_DEVICE f32 pw_acos(f32 x) { return acosf(x); }
SINTER_DEVICE f32 pw_atan(f32 x) { return atanf(x); }
SINTER_DEVICE f32 pw_sinh(f32 x) { return sinhf(x); }
SINTER_DEVICE f32 pw_cosh(f32 x) { return coshf(x); }
SINTER_DEVICE f32 pw_asinh(f32 x) { return asinhf(x); }
SINTER_DEVICE f32 pw_acosh(f32 x) { return acoshf(x); }
SINTER_DEVICE f32 pw_atanh(f32 x) { return atanhf(x); }
SINTER_DEVICE f32 pw_add(f32 a, f32 b) { return a + b; }
SINTER_DEVICE f32 pw_sub(f32 a, f32 b) { return a - b; }
SINTER_DEVICE f32 pw_mul(f32 a, f32 b) { return a * b; }
SINTER_DEVICE f32 pw_div(f32 a, f32 b) { return a / b; }
SINTER_DEVICE f32 pw_pow(f32 a, f32 b) { return powf(a, b); }
SINTER_DEVICE f32 pw_min(f32 a, f32 b) { return min_nan(a, b); }
SINTER_DEVICE f32 pw_max(f32 a, f32 b) { return max_nan(a, b); }
SINTER_DEVICE f32 pw_fmod(f32 a, f32 b) { return fmodf(a, b); }
SINTER_DEVICE f32 pw_equal(f32 a, f32 b) { return pw_truth(a == b); }
SINTER_DEVICE f32 pw_less(f32 a, f32 b) { return pw_truth(a < b); }
SINTER_DEVICE f32 pw_less_equal(f32 a, f32 b) { return pw_truth(a <= b); }
SINTER_DEVICE f32 pw_greater(f32 a, f32 b) { return pw_truth(a > b); }
SINTER_DEVICE f32 pw_greater_equal(f32 a, f32 b) { return pw_truth(a >= b); }
SINTER_DEVICE f32 pw_and(f32 a, f32 b) { return pw_truth(a != 0.0f && b != 0.0f); }
SINTER_DEVICE f32 pw_or(f32 a, f32 b) { return pw_truth(a != 0.0f || b != 0.0f); }
SINTER_DEVICE f32 pw_xor(f32 a, f32 b) { return pw_truth((a != 0.0f) != (b != 0.0f)); }
SINTER_DEVICE f32 pw_leaky_relu(f32 a, f32 b) { return a < 0.0f ? b * a : a; }
SINTER_DEVICE f32 pw_elu(f32 a, f32 b) { return a < 0.0f ? b * expm1f(a) : a; }
SINTER_DEVICE f32 pw_celu(f32 a, f32 b) { return a < 0.0f ? b * expm1f(a / b) : a; }
SINTER_DEVICE f32 pw_thresholded_relu(f32 a, f32 b) { return a > b ? a : 0.0f; }
SINTER_DEVICE f32 pw_where(f32 a, f32 b, f32 c) { return a != 0.0f ? b : c; }
SINTER_DEVICE f32 pw_clip(f32 a, f32 b, f32 c) { return pw_clamp(a, b, c); }
SINTER_DEVICE f32 pw_fma(f32 a, f32 b, f32 c) { return fmaf(a, b, c); }
SINTER_DEVICE f32 pw_hard_sigmoid(f32 a, f32 b, f32 c) { return pw_clamp(b * a + c, 0.0f, 1.0f); }
SINTER_DEVICE f32 pw_selu(f32 a, f32 b, f32 c) { return c * (a < 0.0f ? b * expm1f(a) : a); }
