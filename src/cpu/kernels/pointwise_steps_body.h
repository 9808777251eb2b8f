// The steps of pointwise programs on top of a simd_*.h header (included before). Plain loops are left to the compiler's
// vectoriser; those over exp and its kin use vec_math_body.h. Results follow evaluate_pointwise (core/pointwise.h), NaN and
// infinities included; errors are measured by tests/cpu/pointwise_test.cpp.
#pragma once

#include <bit>
#include <cmath>
#include <limits>

#include "core/numeric.h"
#include "cpu/kernels/pointwise_bytes_body.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/vec_math_body.h"

namespace sinter::cpu {
namespace {

// The dense kernels' entry to the same formulas; not needed here.
[[maybe_unused]] constexpr auto* kActivateBlock = &activate_block;

inline float mad(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// The product is exact in double, so that only the sum may round twice where there is no instruction for it.
inline float fused_mad(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return static_cast<float>(static_cast<double>(a) * b + c);
#endif
}

// Same index in, same index out: an exact overlap of d with an operand is no dependence between iterations.
template <typename Fn>
void unary_step(float* d, const float* a, const float*, const float*, int64_t n) {
  const Fn fn;
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) d[i] = fn(a[i]);
}

template <typename Fn, int kScalars>
void binary_step(float* d, const float* a, const float* b, const float*, int64_t n) {
  const Fn fn;
  const float a0 = a[0], b0 = b[0];
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) d[i] = fn(kScalars & 1 ? a0 : a[i], kScalars & 2 ? b0 : b[i]);
}

template <typename Fn, int kScalars>
void ternary_step(float* d, const float* a, const float* b, const float* c, int64_t n) {
  const Fn fn;
  const float b0 = b[0], c0 = c[0];
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) d[i] = fn(a[i], kScalars & 2 ? b0 : b[i], kScalars & 4 ? c0 : c[i]);
}

template <typename Fn>
void unary_vector_step(float* d, const float* a, const float*, const float*, int64_t n) {
  const Fn fn;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, fn(load(a + i)));
  if (i < n) store(d + i, fn(load(a + i, first_lanes(n - i))), first_lanes(n - i));
}

template <typename Fn, int kScalars>
void binary_vector_step(float* d, const float* a, const float* b, const float*, int64_t n) {
  const Fn fn;
  const Vec b0 = splat(b[0]);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(d + i, fn(load(a + i), kScalars & 2 ? b0 : load(b + i)));
  if (i < n) {
    const LaneMask mask = first_lanes(n - i);
    store(d + i, fn(load(a + i, mask), kScalars & 2 ? b0 : load(b + i, mask)), mask);
  }
}

// With the minimax polynomial of Norbert Juffa's public logf: below 1 ulp with FMA.
inline float log_lane(float x) {
  const bool tiny = x < std::numeric_limits<float>::min();
  const float scaled = tiny ? x * 8388608.0f : x;
  const uint32_t bits = std::bit_cast<uint32_t>(scaled);  // unsigned: wraps for what `special` replaces
  const uint32_t exponent = (bits - 0x3f2aaaabu) & 0xff800000u;
  const float m = std::bit_cast<float>(bits - exponent) - 1.0f;  // in [-1/3, 1/3]
  const float power = mad(static_cast<float>(static_cast<int32_t>(exponent)), 1.19209290e-7f, tiny ? -23.0f : 0.0f);
  const float s = m * m;
  float r = mad(-0.130310059f, s, -0.121483512f), t = mad(0.140869141f, s, 0.139814854f);
  r = mad(r, s, -0.166846126f);
  t = mad(t, s, 0.200120345f);
  r = mad(r, s, -0.249996200f);
  r = mad(t, m, r);
  r = mad(r, m, 0.333331972f);
  r = mad(r, m, -0.5f);
  r = mad(r, s, m);
  r = mad(power, 0.693147182f, r);
  const float special = x < 0 ? std::numeric_limits<float>::quiet_NaN() : x == 0 ? -std::numeric_limits<float>::infinity() : x + x;
  return x > 0 && x < std::numeric_limits<float>::infinity() ? r : special;
}

// log(1 + e) for e in [0, 1]: the rounding of 1 + e is made up for by the last term.
inline float log1p_lane(float e) {
  const float u = 1.0f + e;
  return log_lane(u) + (e - (u - 1.0f)) / u;
}

// pi/2 and pi in two parts, so that what is taken from them keeps its last bit.
constexpr float kHalfPi = 1.57079637f, kHalfPiRest = -4.37113883e-8f;

// Least relative error over [0, 1]: 1.5 ulp with FMA; above 1 by atan(x) = pi/2 - atan(1/x).
inline float atan_lane(float x) {
  const float a = __builtin_fabsf(x);
  const bool large = a > 1.0f;
  const float r = large ? 1.0f / a : a;
  const float s = r * r;
  float sum = mad(-0.00242274790070951f, s, 0.013652444817125797f);
  sum = mad(sum, s, -0.036109793931245804f);
  sum = mad(sum, s, 0.06270644068717957f);
  sum = mad(sum, s, -0.0866665244102478f);
  sum = mad(sum, s, 0.11036304384469986f);
  sum = mad(sum, s, -0.14278893172740936f);
  sum = mad(sum, s, 0.19999754428863525f);
  sum = mad(sum, s, -0.3333333134651184f);
  const float p = mad(s * sum, r, r);
  return __builtin_copysignf(large ? kHalfPi - p + kHalfPiRest : p, x);
}

// asin(r) for r in [0, 1/2], 1.8 ulp; above, asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)). NaN beyond 1, from the root.
struct AsinParts {
  bool large;
  float p;
};
inline AsinParts asin_parts(float a) {
  const bool large = a > 0.5f;
  const float s = large ? mad(-0.5f, a, 0.5f) : a * a;
  const float r = large ? __builtin_sqrtf(s) : a;
  float sum = mad(0.033808451145887375f, s, 0.01707564666867256f);
  sum = mad(sum, s, 0.031116820871829987f);
  sum = mad(sum, s, 0.044597942382097244f);
  sum = mad(sum, s, 0.07500099390745163f);
  sum = mad(sum, s, 0.1666666567325592f);
  return {large, mad(s * sum, r, r)};
}
inline float asin_lane(float x) {
  const AsinParts parts = asin_parts(__builtin_fabsf(x));
  return __builtin_copysignf(parts.large ? mad(-2.0f, parts.p, kHalfPi) + kHalfPiRest : parts.p, x);
}
inline float acos_lane(float x) {
  const AsinParts parts = asin_parts(__builtin_fabsf(x));
  const float twice = parts.p + parts.p;
  const float positive = parts.large ? twice : kHalfPi - parts.p + kHalfPiRest;
  const float negative = parts.large ? 2 * kHalfPi - twice + 2 * kHalfPiRest : kHalfPi + parts.p + kHalfPiRest;
  return x < 0 ? negative : positive;
}

#define SINTER_STEP_FN(name, expression) \
  struct name {                          \
    float operator()(float x) const { return expression; } \
  };
#define SINTER_STEP_FN2(name, expression) \
  struct name {                           \
    float operator()(float a, float b) const { return expression; } \
  };
#define SINTER_STEP_FN3(name, expression) \
  struct name {                           \
    float operator()(float a, float b, float c) const { return expression; } \
  };
#define SINTER_VECTOR_FN(name, expression) \
  struct name {                            \
    Vec operator()(Vec x) const { return expression; } \
  };
#define SINTER_VECTOR_FN2(name, expression) \
  struct name {                             \
    Vec operator()(Vec x, Vec b) const { return expression; } \
  };

inline float clamp_lane(float x, float low, float high) {
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}
inline float truth(bool value) { return value ? 1.0f : 0.0f; }

SINTER_STEP_FN(Neg, -x)
SINTER_STEP_FN(Abs, __builtin_fabsf(x))
SINTER_STEP_FN(Log, log_lane(x))
SINTER_STEP_FN(Sqrt, __builtin_sqrtf(x))
SINTER_STEP_FN(Reciprocal, 1.0f / x)
SINTER_STEP_FN(ReluStep, x < 0 ? 0.0f : x)
SINTER_STEP_FN(HardSwishStep, x * clamp_lane(x * (1.0f / 6.0f) + 0.5f, 0.0f, 1.0f))
SINTER_STEP_FN(Softsign, x / (1.0f + __builtin_fabsf(x)))
SINTER_STEP_FN(Floor, __builtin_floorf(x))
SINTER_STEP_FN(Ceil, __builtin_ceilf(x))
SINTER_STEP_FN(Round, __builtin_rintf(x))
SINTER_STEP_FN(Sign, x > 0 ? 1.0f : x < 0 ? -1.0f : x)
SINTER_STEP_FN(Not, truth(x == 0))
SINTER_STEP_FN(IsNan, truth(x != x))
SINTER_STEP_FN(Asin, asin_lane(x))
SINTER_STEP_FN(Acos, acos_lane(x))
SINTER_STEP_FN(Atan, atan_lane(x))
// Rare functions run in libm, element by element.
SINTER_STEP_FN(Sin, std::sin(x))
SINTER_STEP_FN(Cos, std::cos(x))
SINTER_STEP_FN(Tan, std::tan(x))
SINTER_STEP_FN(Sinh, std::sinh(x))
SINTER_STEP_FN(Cosh, std::cosh(x))
SINTER_STEP_FN(Asinh, std::asinh(x))
SINTER_STEP_FN(Acosh, std::acosh(x))
SINTER_STEP_FN(Atanh, std::atanh(x))
SINTER_STEP_FN(Log1pOfUnit, log1p_lane(x))

SINTER_VECTOR_FN(ExpStep, exp_of(x))
SINTER_VECTOR_FN(SigmoidStep, sigmoid_of(x))
SINTER_VECTOR_FN(TanhStep, tanh_of(x))
SINTER_VECTOR_FN(ErfStep, erf_of(x))
SINTER_VECTOR_FN(GeluStep, gelu_erf_of(x))
SINTER_VECTOR_FN(GeluTanhStep, gelu_tanh_of(x))
SINTER_VECTOR_FN(SiluStep, mul(x, sigmoid_of(x)))
SINTER_VECTOR_FN(MishStep, mish_of(x))
SINTER_VECTOR_FN(ExpOfMinusAbs, exp_of(sub(splat(0.0f), abs_of(x))))

SINTER_STEP_FN2(Add, a + b)
SINTER_STEP_FN2(Sub, a - b)
SINTER_STEP_FN2(Mul, a * b)
SINTER_STEP_FN2(Div, a / b)
SINTER_STEP_FN2(Min, a != a ? a : b >= a ? a : b)
SINTER_STEP_FN2(Max, a != a ? a : b <= a ? a : b)
SINTER_STEP_FN2(Pow, std::pow(a, b))
SINTER_STEP_FN2(Fmod, std::fmod(a, b))
SINTER_STEP_FN2(Equal, truth(a == b))
SINTER_STEP_FN2(Less, truth(a < b))
SINTER_STEP_FN2(LessEqual, truth(a <= b))
SINTER_STEP_FN2(Greater, truth(a > b))
SINTER_STEP_FN2(GreaterEqual, truth(a >= b))
SINTER_STEP_FN2(And, truth((a != 0) & (b != 0)))
SINTER_STEP_FN2(Or, truth((a != 0) | (b != 0)))
SINTER_STEP_FN2(Xor, truth((a != 0) != (b != 0)))
SINTER_STEP_FN2(LeakyReluStep, a < 0 ? b * a : a)
SINTER_STEP_FN2(ThresholdedRelu, a > b ? a : 0.0f)
SINTER_VECTOR_FN2(EluStep, select_less(x, splat(0.0f), mul(b, expm1_of(x)), x))
SINTER_VECTOR_FN2(CeluStep, select_less(x, splat(0.0f), mul(b, expm1_of(div(x, b))), x))

SINTER_STEP_FN3(Where, a != 0 ? b : c)
SINTER_STEP_FN3(ClipStep, clamp_lane(a, b, c))
SINTER_STEP_FN3(FmaStep, fused_mad(a, b, c))
SINTER_STEP_FN3(HardSigmoidStep, clamp_lane(b * a + c, 0.0f, 1.0f))

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)).
void softplus_step(float* d, const float* a, const float*, const float*, int64_t n) {
  constexpr int64_t kChunk = 256;
  float e[kChunk];
  for (int64_t i = 0; i < n; i += kChunk) {
    const int64_t m = n - i < kChunk ? n - i : kChunk;
    unary_vector_step<ExpOfMinusAbs>(e, a + i, nullptr, nullptr, m);
    unary_step<Log1pOfUnit>(e, e, nullptr, nullptr, m);
#pragma GCC ivdep
    for (int64_t k = 0; k < m; ++k) d[i + k] = e[k] + (a[i + k] < 0 ? 0.0f : a[i + k]);
  }
}

// gamma * (x < 0 ? alpha * (exp(x) - 1) : x)
void selu_step(float* d, const float* a, const float* b, const float* c, int64_t n) {
  for (int64_t i = 0; i < n; i += kLanes) {
    const LaneMask mask = first_lanes(n - i);
    const Vec x = load(a + i, mask);
    store(d + i, mul(load(c + i, mask), select_less(x, splat(0.0f), mul(load(b + i, mask), expm1_of(x)), x)), mask);
  }
}

// The exponents that models use are products; the others go through libm.
void pow_scalar_step(float* d, const float* a, const float* b, const float*, int64_t n) {
  const float exponent = b[0];
  if (exponent == 2.0f) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) d[i] = a[i] * a[i];
  } else if (exponent == 3.0f) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) d[i] = a[i] * a[i] * a[i];
  } else if (exponent == 0.5f) {
    const float inf = std::numeric_limits<float>::infinity();
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) d[i] = a[i] == -inf ? inf : __builtin_sqrtf(a[i]) + 0.0f;
  } else {
    for (int64_t i = 0; i < n; ++i) d[i] = std::pow(a[i], exponent);
  }
}

template <typename Fn>
void set_unary(PointwiseSteps& t, PointwiseOp op) {
  t.step[static_cast<int>(op)][0] = &unary_step<Fn>;
}
template <typename Fn>
void set_vector(PointwiseSteps& t, PointwiseOp op) {
  t.step[static_cast<int>(op)][0] = &unary_vector_step<Fn>;
}
template <typename Fn>
void set_binary(PointwiseSteps& t, PointwiseOp op) {
  auto& row = t.step[static_cast<int>(op)];
  row[0] = &binary_step<Fn, 0>;
  row[1] = &binary_step<Fn, 1>;
  row[2] = &binary_step<Fn, 2>;
}
template <typename Fn>
void set_binary_vector(PointwiseSteps& t, PointwiseOp op) {
  t.step[static_cast<int>(op)][0] = &binary_vector_step<Fn, 0>;
  t.step[static_cast<int>(op)][2] = &binary_vector_step<Fn, 2>;
}
template <typename Fn>
void set_ternary(PointwiseSteps& t, PointwiseOp op) {
  t.step[static_cast<int>(op)][0] = &ternary_step<Fn, 0>;
  t.step[static_cast<int>(op)][6] = &ternary_step<Fn, 6>;
}

void set_unary_steps(PointwiseSteps& t) {
  using Op = PointwiseOp;
  set_unary<Neg>(t, Op::kNeg);
  set_unary<Abs>(t, Op::kAbs);
  set_unary<Log>(t, Op::kLog);
  set_unary<Sqrt>(t, Op::kSqrt);
  set_unary<Reciprocal>(t, Op::kReciprocal);
  set_unary<ReluStep>(t, Op::kRelu);
  set_unary<HardSwishStep>(t, Op::kHardSwish);
  set_unary<Softsign>(t, Op::kSoftsign);
  set_unary<Floor>(t, Op::kFloor);
  set_unary<Ceil>(t, Op::kCeil);
  set_unary<Round>(t, Op::kRound);
  set_unary<Sign>(t, Op::kSign);
  set_unary<Not>(t, Op::kNot);
  set_unary<IsNan>(t, Op::kIsNan);
  set_unary<Sin>(t, Op::kSin);
  set_unary<Cos>(t, Op::kCos);
  set_unary<Tan>(t, Op::kTan);
  set_unary<Asin>(t, Op::kAsin);
  set_unary<Acos>(t, Op::kAcos);
  set_unary<Atan>(t, Op::kAtan);
  set_unary<Sinh>(t, Op::kSinh);
  set_unary<Cosh>(t, Op::kCosh);
  set_unary<Asinh>(t, Op::kAsinh);
  set_unary<Acosh>(t, Op::kAcosh);
  set_unary<Atanh>(t, Op::kAtanh);
  set_vector<ExpStep>(t, Op::kExp);
  set_vector<SigmoidStep>(t, Op::kSigmoid);
  set_vector<TanhStep>(t, Op::kTanh);
  set_vector<ErfStep>(t, Op::kErf);
  set_vector<GeluStep>(t, Op::kGelu);
  set_vector<GeluTanhStep>(t, Op::kGeluTanh);
  set_vector<SiluStep>(t, Op::kSilu);
  set_vector<MishStep>(t, Op::kMish);
  t.step[static_cast<int>(Op::kSoftplus)][0] = &softplus_step;
}

void set_other_steps(PointwiseSteps& t) {
  using Op = PointwiseOp;
  set_binary<Add>(t, Op::kAdd);
  set_binary<Sub>(t, Op::kSub);
  set_binary<Mul>(t, Op::kMul);
  set_binary<Div>(t, Op::kDiv);
  set_binary<Min>(t, Op::kMin);
  set_binary<Max>(t, Op::kMax);
  set_binary<Pow>(t, Op::kPow);
  t.step[static_cast<int>(Op::kPow)][2] = &pow_scalar_step;
  set_binary<Fmod>(t, Op::kFmod);
  set_binary<Equal>(t, Op::kEqual);
  set_binary<Less>(t, Op::kLess);
  set_binary<LessEqual>(t, Op::kLessEqual);
  set_binary<Greater>(t, Op::kGreater);
  set_binary<GreaterEqual>(t, Op::kGreaterEqual);
  set_binary<And>(t, Op::kAnd);
  set_binary<Or>(t, Op::kOr);
  set_binary<Xor>(t, Op::kXor);
  set_binary<LeakyReluStep>(t, Op::kLeakyRelu);
  set_binary<ThresholdedRelu>(t, Op::kThresholdedRelu);
  set_binary_vector<EluStep>(t, Op::kElu);
  set_binary_vector<CeluStep>(t, Op::kCelu);
  set_ternary<Where>(t, Op::kWhere);
  set_ternary<ClipStep>(t, Op::kClip);
  set_ternary<HardSigmoidStep>(t, Op::kHardSigmoid);
  set_ternary<FmaStep>(t, Op::kFma);
  t.step[static_cast<int>(Op::kSelu)][0] = &selu_step;
}

void widen_f16(const void* source, float* target, int64_t n) {
  const auto* bits = static_cast<const uint16_t*>(source);
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(target + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bits + i))));
  }
#elif defined(__aarch64__)
  for (; i + 8 <= n; i += 8) {
    const float16x8_t halves = vreinterpretq_f16_u16(vld1q_u16(bits + i));
    vst1q_f32(target + i, vcvt_f32_f16(vget_low_f16(halves)));
    vst1q_f32(target + i + 4, vcvt_high_f32_f16(halves));
  }
#endif
  for (; i < n; ++i) target[i] = half_to_float(bits[i]);
}

void narrow_f16(const float* source, void* target, int64_t n) {
  auto* bits = static_cast<uint16_t*>(target);
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(bits + i), _mm256_cvtps_ph(_mm256_loadu_ps(source + i), _MM_FROUND_TO_NEAREST_INT));
  }
#elif defined(__aarch64__)
  for (; i + 8 <= n; i += 8) {
    const float16x8_t halves = vcvt_high_f16_f32(vcvt_f16_f32(vld1q_f32(source + i)), vld1q_f32(source + i + 4));
    vst1q_u16(bits + i, vreinterpretq_u16_f16(halves));
  }
#endif
  for (; i < n; ++i) bits[i] = float_to_half(source[i]);
}

void widen_bf16(const void* source, float* target, int64_t n) {
  const auto* bits = static_cast<const uint16_t*>(source);
  for (int64_t i = 0; i < n; ++i) target[i] = std::bit_cast<float>(uint32_t{bits[i]} << 16);
}

void narrow_bf16(const float* source, void* target, int64_t n) {
  auto* bits = static_cast<uint16_t*>(target);
  for (int64_t i = 0; i < n; ++i) {
    const auto wide = std::bit_cast<uint32_t>(source[i]);
    const uint32_t rounded = (wide + 0x7fff + ((wide >> 16) & 1)) >> 16, quiet = (wide >> 16) | 0x40;
    bits[i] = static_cast<uint16_t>((wide & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
  }
}

void widen_bool(const void* source, float* target, int64_t n) {
  const auto* bytes = static_cast<const uint8_t*>(source);
  for (int64_t i = 0; i < n; ++i) target[i] = bytes[i] != 0 ? 1.0f : 0.0f;
}

void narrow_bool(const float* source, void* target, int64_t n) {
  auto* bytes = static_cast<uint8_t*>(target);
  for (int64_t i = 0; i < n; ++i) bytes[i] = source[i] != 0 ? 1 : 0;
}

template <typename T>
void widen_bytes(const void* source, float* target, int64_t n) {
  const auto* bytes = static_cast<const T*>(source);
  for (int64_t i = 0; i < n; ++i) target[i] = static_cast<float>(bytes[i]);
}

template <typename T>
void narrow_bytes(const float* source, void* target, int64_t n) {
  constexpr float kLow = std::numeric_limits<T>::min(), kHigh = std::numeric_limits<T>::max();
  auto* bytes = static_cast<T*>(target);
  for (int64_t i = 0; i < n; ++i) {
    const float raised = source[i] > kLow ? source[i] : kLow;
    bytes[i] = static_cast<T>(static_cast<int32_t>(raised < kHigh ? raised : kHigh));
  }
}

PointwiseSteps make_steps() {
  PointwiseSteps steps;
  steps.scale_bytes = &scale_bytes_by_channel;
  steps.quantize = &quantize_values;
  steps.look_up = &look_up_bytes;
  steps.from_f16 = &widen_f16;
  steps.from_bf16 = &widen_bf16;
  steps.from_bool = &widen_bool;
  steps.from_i8 = &widen_bytes<int8_t>;
  steps.from_u8 = &widen_bytes<uint8_t>;
  steps.to_f16 = &narrow_f16;
  steps.to_bf16 = &narrow_bf16;
  steps.to_bool = &narrow_bool;
  steps.to_i8 = &narrow_bytes<int8_t>;
  steps.to_u8 = &narrow_bytes<uint8_t>;
  set_unary_steps(steps);
  set_other_steps(steps);
  return steps;
}

}  // namespace
}  // namespace sinter::cpu
