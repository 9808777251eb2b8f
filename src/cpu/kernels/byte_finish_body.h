// From 32-bit sums of a tile of 8-bit values to memory (epilogue.h, ByteEpilogue). Included after a simd_*.h.
#pragma once

#include <bit>
#include <cstring>

#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/vec_math_body.h"
#if defined(__AVX512BW__)
#include "cpu/kernels/byte_bump_avx512.h"
#include "cpu/kernels/byte_fold_avx512.h"
#endif

namespace sinter::cpu {
namespace {

// Asks for a tile's results and 8-bit residuals before its sums are made: they lie a row of the whole output apart, which no processor foresees.
inline __attribute__((always_inline)) void prefetch_results(const TileCall& call, int rows) {
  const ByteEpilogue& e = *call.epilogue->bytes;
  const bool narrow = e.store == ByteStore::kI8 || e.store == ByteStore::kU8;
  const int64_t c_step = call.c_stride * (narrow ? 1 : 4);
  const auto* c = static_cast<const char*>(call.c);
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) prefetch_l1(reinterpret_cast<const float*>(c + r * c_step));
  if (e.residual == nullptr) return;
  const uint8_t* residual = e.residual + call.row * e.residual_stride + call.col;
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) prefetch_l1(reinterpret_cast<const float*>(residual + r * e.residual_stride));
}

// Sums less what weights' zero points take away.
inline void take_zero_points(int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  const ByteEpilogue& e = *call.epilogue->bytes;
  if (e.weight_zero == nullptr || e.row_sums == nullptr) return;
  for (int r = 0; r < rows; ++r) {
    const auto row_sum = static_cast<uint32_t>(e.row_sums[call.row + r]);
    int32_t* row = sums + r * sums_stride;
    for (int j = 0; j < call.cols; ++j) row[j] = static_cast<int32_t>(static_cast<uint32_t>(row[j]) - row_sum * static_cast<uint32_t>(e.weight_zero[call.col + j]));
  }
}

inline void store_plain_sums(const int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  auto* c = static_cast<int32_t*>(call.c);
  for (int r = 0; r < rows; ++r) std::memcpy(c + r * call.c_stride, sums + r * sums_stride, static_cast<size_t>(call.cols) * 4);
}

// What becomes of a value before and after the activation.
struct ByteFactors {
  const float *scale, *bias;
  float multiplier;
  bool residual_before, residual_after;
};

inline ByteFactors byte_factors(const Epilogue& epilogue) {
  const ByteEpilogue& e = *epilogue.bytes;
  const bool has_residual = e.residual != nullptr;
  if (e.folded) return {e.folded_scale, e.folded_bias, 1.0f, has_residual, false};
  return {e.scale, epilogue.bias, e.multiplier, has_residual && !e.residual_after, has_residual && e.residual_after};
}

// Of a float result that is quantized and dequantized again.
inline float snap_value(float v, const ByteEpilogue& e) {
  constexpr float kMagic = 12582912.0f;  // adding 1.5 * 2^23 rounds to even
  const float low = static_cast<float>(e.low - e.zero), high = static_cast<float>(e.high - e.zero), quotient = v / e.snap_divisor;
  const float raised = quotient < low ? low : quotient, bounded = raised > high ? high : raised;  // NaN stays
  return (((bounded + kMagic) - kMagic) + static_cast<float>(e.zero) - e.snap_zero) * e.snap_scale;
}

inline void snap_rows(float* c, int64_t c_stride, int rows, int cols, const ByteEpilogue& e) {
  const ByteEpilogue own = e;
  for (int r = 0; r < rows; ++r) {
    float* row = c + r * c_stride;
    for (int j = 0; j < cols; ++j) row[j] = snap_value(row[j], own);
  }
}

#if defined(__AVX512BW__)

// Which lanes of the tile's last panel are columns.
inline LaneMask panel_lanes(int cols, int panel) { return first_lanes(cols - panel * kPanel); }

// 1 / (1 + 2^u), within 2^-20 of its value: enough for what is rounded to 8 bits. Beyond 2^125 it is that of the bound, because denormal numbers
// are slow.
inline Vec short_sigmoid(Vec u) {
  alignas(64) static constexpr float kPowers[16] = {1.0f,        1.04427378f, 1.09050773f, 1.13878863f, 1.18920712f, 1.24185781f,
                                                    1.29683955f, 1.35425555f, 1.41421356f, 1.47682615f, 1.54221083f, 1.61049033f,
                                                    1.68179283f, 1.75625216f, 1.83400809f, 1.91520656f};
  constexpr float kRound = 786432.0f;  // 1.5 * 2^19: adding it leaves sixteenths in the low bits
  constexpr int kLeastMagnitude = 2;   // with the first operand's sign
  u = _mm512_range_ps(u, splat(125.0f), kLeastMagnitude);
  const Vec shifted = add(u, splat(kRound)), n = sub(shifted, splat(kRound)), r = sub(u, n);
  // 2^r for |r| <= 1/32: the term of r^3 is below 2^-19, and three quarters of it at the ends are in r's coefficient.
  const Vec power = _mm512_permutexvar_ps(_mm512_castps_si512(shifted), _mm512_load_ps(kPowers));
  const Vec e = scale_by_power(fma(mul(power, r), fma(r, splat(0.24022651f), splat(0.69318783f)), power), n), d = add(e, splat(1.0f));
  const Vec about = _mm512_rcp14_ps(d);
  return mul(about, _mm512_fnmadd_ps(d, about, splat(2.0f)));
}

// Activations that are done on the way from sums to bytes. `a` is alpha times kFactor.
struct PlainAct {
  static constexpr float kFactor = 1;
  static Vec of(Vec x, Vec, Vec) { return x; }
};
struct SiluAct {
  static constexpr float kFactor = -1.44269504f;
  static Vec of(Vec x, Vec a, Vec) { return mul(x, short_sigmoid(mul(a, x))); }
};
struct SigmoidAct {
  static constexpr float kFactor = 1;
  static Vec of(Vec x, Vec, Vec) { return short_sigmoid(mul(x, splat(-1.44269504f))); }
};
struct ReluAct {
  static constexpr float kFactor = 1;
  static Vec of(Vec x, Vec, Vec) { return max_of(splat(0.0f), x); }
};
struct ClipAct {
  static constexpr float kFactor = 1;
  static Vec of(Vec x, Vec a, Vec beta) { return min_of(beta, max_of(a, x)); }
};
struct HardSwishAct {
  static constexpr float kFactor = 1;
  static Vec of(Vec x, Vec a, Vec beta) { return mul(x, unit_clamp(fma(a, x, beta))); }
};

// Results times the multiplier.
template <typename Fn>
class Multiplied {
 public:
  Multiplied(const Epilogue& epilogue, float multiplier)
      : alpha_(splat(epilogue.alpha * Fn::kFactor)), beta_(splat(epilogue.beta)), multiplier_(splat(multiplier)) {}
  inline __attribute__((always_inline)) Vec operator()(Vec x) const { return mul(Fn::of(x, alpha_, beta_), multiplier_); }

 private:
  Vec alpha_, beta_, multiplier_;
};
template <const BumpTable& kTable>
struct BumpAct : Bump {
  BumpAct(const Epilogue&, float multiplier) : Bump(kTable, multiplier) {}
};

// The values of a tile around the activation. Everything is a copy of its own: stores of bytes may change any other memory, for all that the
// compiler knows.
class TileValues {
 public:
  TileValues(const int32_t* sums, int64_t sums_stride, const TileCall& call, const ByteFactors& factors)
      : sums_(sums), sums_stride_(sums_stride), scale_(factors.scale + call.col), bias_(factors.bias != nullptr ? factors.bias + call.col : nullptr) {
    const Epilogue& epilogue = *call.epilogue;
    const ByteEpilogue& e = *epilogue.bytes;
    if (!e.folded && epilogue.residual != nullptr && !epilogue.residual_after_activation) {
      residual_ = epilogue.residual + call.row * epilogue.residual_stride + call.col;
      residual_stride_ = epilogue.residual_stride;
    }
    if (e.residual != nullptr) {
      const uint8_t* bytes = e.residual + call.row * e.residual_stride + call.col;
      (factors.residual_after ? late_ : early_) = bytes;
      byte_stride_ = e.residual_stride;
      flip_ = _mm_set1_epi8(static_cast<char>(e.residual_unsigned ? 0x80 : 0));
      byte_scale_ = splat(e.residual_scale);
      byte_start_ = splat(e.folded ? 0.0f : e.residual_start);
    }
    multiplier_ = splat(factors.multiplier);
    high_ = splat(static_cast<float>(e.high - e.zero));
  }

  // Of 16 columns from `col` of the tile on: before the activation,
  inline __attribute__((always_inline)) Vec before(int r, int col, LaneMask mask) const {
    const Vec v = mul(_mm512_cvtepi32_ps(_mm512_loadu_si512(sums_ + r * sums_stride_ + col)), load(scale_ + col, mask));
    return with_residuals(bias_ != nullptr ? add(v, load(bias_ + col, mask)) : v, r, col, mask);
  }
  inline __attribute__((always_inline)) Vec with_residuals(Vec v, int r, int col, LaneMask mask) const {
    if (residual_ != nullptr) v = add(v, load(residual_ + r * residual_stride_ + col, mask));
    return early_ != nullptr ? add(v, byte_residual(early_ + r * byte_stride_ + col, mask)) : v;
  }
  // and after it.
  inline __attribute__((always_inline)) Vec multiplied(Vec v) const { return mul(v, multiplier_); }
  inline __attribute__((always_inline)) Vec with_late_residual(Vec v, int r, int col, LaneMask mask) const {
    return late_ != nullptr ? add(v, byte_residual(late_ + r * byte_stride_ + col, mask)) : v;
  }
  // The conversion makes the lowest number of what is too low or none; min keeps the latter when it comes second.
  inline __attribute__((always_inline)) __m512i rounded(Vec v) const { return _mm512_cvtps_epi32(_mm512_min_ps(high_, v)); }

 private:
  inline __attribute__((always_inline)) Vec byte_residual(const uint8_t* from, LaneMask mask) const {
    return fma(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_xor_si128(_mm_maskz_loadu_epi8(mask, from), flip_))), byte_scale_, byte_start_);
  }

  const int32_t* sums_;
  int64_t sums_stride_;
  const float *scale_, *bias_, *residual_ = nullptr;
  const uint8_t *early_ = nullptr, *late_ = nullptr;  // residuals in 8 bits
  int64_t residual_stride_ = 0, byte_stride_ = 0;
  __m128i flip_ = _mm_setzero_si128();
  Vec byte_scale_ = splat(0.0f), byte_start_ = splat(0.0f), multiplier_, high_;
};

using QuantizeFn = void (*)(const int32_t* sums, int64_t sums_stride, int rows, const TileCall& call, const ByteFactors& factors);

// From sums to bytes, four vectors at a time: as many rows of kPanels panels as fit a register.
template <int kPanels, typename Act, bool kResidual>
void quantize_sums(const int32_t* sums, int64_t sums_stride, int rows, const TileCall& call, const ByteFactors& factors) {
  const TileValues values(sums, sums_stride, call, factors);
  const Narrowing narrowing = narrowing_of(*call.epilogue->bytes);
  const Act act(*call.epilogue, factors.multiplier);
  const bool full = call.cols == kPanels * kPanel;
  const __mmask64 mask = call.cols >= 64 ? ~__mmask64{0} : (__mmask64{1} << call.cols) - 1;
  const int64_t stride = call.c_stride;
  auto* to = static_cast<uint8_t*>(call.c);
  constexpr int kGroupRows = 4 / kPanels;
  LaneMask lanes[kPanels];
  Vec scale[kPanels], bias[kPanels];
#pragma GCC unroll 4
  for (int j = 0; j < kPanels; ++j) {
    lanes[j] = static_cast<LaneMask>(mask >> (j * kPanel));
    scale[j] = load(factors.scale + call.col + j * kPanel, lanes[j]);
    bias[j] = factors.bias != nullptr ? load(factors.bias + call.col + j * kPanel, lanes[j]) : splat(0.0f);
  }
  for (int first = 0; first < rows; first += kGroupRows, to += kGroupRows * stride) {
    __m512i q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int r = first + i / kPanels < rows ? first + i / kPanels : rows - 1, j = i % kPanels;
      // Masked: a tile of three panels has no fourth one to read.
      Vec v = fma(_mm512_cvtepi32_ps(_mm512_maskz_loadu_epi32(lanes[j], sums + r * sums_stride + j * kPanel)), scale[j], bias[j]);
      if constexpr (kResidual) v = values.with_residuals(v, r, j * kPanel, lanes[j]);
      v = act(v);
      if constexpr (kResidual) v = values.with_late_residual(v, r, j * kPanel, lanes[j]);
      q[i] = values.rounded(v);
    }
    const __m512i bytes = narrow_four(narrowing, q[0], q[1], q[2], q[3]);
    store_row<kPanels, 0>(to, bytes, full, mask);
    if constexpr (kGroupRows > 1) {
      if (first + 1 < rows) store_row<kPanels, 1>(to + stride, bytes, full, mask);
    }
    if constexpr (kGroupRows > 2) {
      if (first + 2 < rows) store_row<kPanels, 2>(to + 2 * stride, bytes, full, mask);
      if (first + 3 < rows) store_row<kPanels, 3>(to + 3 * stride, bytes, full, mask);
    }
  }
}

template <typename Act>
void quantize_any(const int32_t* sums, int64_t sums_stride, int rows, const TileCall& call, const ByteFactors& factors) {
  const bool residual = call.epilogue->bytes->residual != nullptr || call.epilogue->residual != nullptr;
  const int width = call.cols <= kPanel ? 0 : call.cols <= 2 * kPanel ? 1 : 2;
  static constexpr QuantizeFn kPlain[3] = {&quantize_sums<1, Act, false>, &quantize_sums<2, Act, false>, &quantize_sums<4, Act, false>};
  static constexpr QuantizeFn kAdding[3] = {&quantize_sums<1, Act, true>, &quantize_sums<2, Act, true>, &quantize_sums<4, Act, true>};
  (residual ? kAdding : kPlain)[width](sums, sums_stride, rows, call, factors);
}

// Null for an activation that needs a pass of its own.
inline QuantizeFn quantizer_of(const Epilogue& epilogue) {
  if (epilogue.bytes->folded) return &quantize_any<Multiplied<PlainAct>>;
  if (epilogue.post != nullptr || (epilogue.residual != nullptr && epilogue.residual_after_activation)) return nullptr;
  switch (epilogue.activation) {
    case Activation::kNone: return &quantize_any<Multiplied<PlainAct>>;
    case Activation::kRelu: return &quantize_any<Multiplied<ReluAct>>;
    case Activation::kClip: return &quantize_any<Multiplied<ClipAct>>;
    case Activation::kSilu:
      if (epilogue.alpha == 1.0f) return &quantize_any<BumpAct<kSiluBump>>;
      return &quantize_any<Multiplied<SiluAct>>;
    case Activation::kSigmoid: return &quantize_any<Multiplied<SigmoidAct>>;
    case Activation::kHardSwish: return &quantize_any<Multiplied<HardSwishAct>>;
    case Activation::kGeluErf: return &quantize_any<BumpAct<kGeluBump>>;
    case Activation::kGeluTanh: return &quantize_any<BumpAct<kGeluTanhBump>>;
    default: return nullptr;
  }
}

// From sums to memory for a tile whose epilogue is not done in registers: the tile stays in the first-level cache.
__attribute__((noinline)) void finish_sums(int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  const Epilogue& epilogue = *call.epilogue;
  const ByteEpilogue& e = *epilogue.bytes;
  take_zero_points(sums, sums_stride, rows, call);
  if (e.store == ByteStore::kSums) return store_plain_sums(sums, sums_stride, rows, call);
  const ByteFactors factors = byte_factors(epilogue);
  const bool wide = e.store == ByteStore::kFloat;
  if (!wide) {
    if (const QuantizeFn quantize = quantizer_of(epilogue)) return quantize(sums, sums_stride, rows, call, factors);
  }
  alignas(64) float block[kMaxTileRows * kMaxTilePanels * kPanel];
  float* start = wide ? static_cast<float*>(call.c) : block;
  const int64_t stride = wide ? call.c_stride : kMaxTilePanels * kPanel;
  const TileValues values(sums, sums_stride, call, factors);
  for (int j = 0; j * kPanel < call.cols; ++j) {
    const LaneMask lanes = panel_lanes(call.cols, j);
    for (int r = 0; r < rows; ++r) store(start + r * stride + j * kPanel, values.before(r, j * kPanel, lanes), lanes);
  }
  activate_block(start, stride, rows, call.cols, epilogue, call.row, call.col);
  for (int r = 0; epilogue.post != nullptr && r < rows; ++r) epilogue.post(epilogue.post_ctx, start + r * stride, call.row + r, call.col, call.cols);
  if (wide && e.snapped) snap_rows(start, stride, rows, call.cols, e);
  if (wide) return;
  const Narrowing narrowing = narrowing_of(e);
  const __mmask64 mask = call.cols >= 64 ? ~__mmask64{0} : (__mmask64{1} << call.cols) - 1;
  for (int r = 0; r < rows; ++r) {
    __m512i q[4];
    for (int j = 0; j < 4; ++j) {
      const LaneMask lanes = panel_lanes(call.cols, j);
      const Vec v = values.multiplied(load(block + r * stride + j * kPanel, lanes));
      q[j] = values.rounded(values.with_late_residual(v, r, j * kPanel, lanes));
    }
    store_row<4, 0>(static_cast<uint8_t*>(call.c) + r * call.c_stride, narrow_four(narrowing, q[0], q[1], q[2], q[3]), false, mask);
  }
}

#else

// clip(round(value) + zero) for n values; NaN gives the lowest. Adding 1.5 * 2^23 rounds to even.
inline void quantize_row(const float* values, int64_t n, const ByteEpilogue& e, uint8_t* out) {
  constexpr float kMagic = 12582912.0f;
  const float low = static_cast<float>(e.low - e.zero), high = static_cast<float>(e.high - e.zero);
  const int32_t offset = e.zero - std::bit_cast<int32_t>(kMagic);
  for (int64_t i = 0; i < n; ++i) {
    const float v = values[i], raised = v > low ? v : low, bounded = raised < high ? raised : high;
    out[i] = static_cast<uint8_t>(std::bit_cast<int32_t>(bounded + kMagic) + offset);
  }
}

// values[j] += the residual's share.
inline void add_byte_residual(const ByteEpilogue& e, int64_t row, int64_t col, int cols, float* values) {
  const uint8_t* from = e.residual + row * e.residual_stride + col;
  const uint8_t flip = e.residual_unsigned ? 0x80 : 0;
  const float start = e.folded ? 0.0f : e.residual_start;
  for (int j = 0; j < cols; ++j) values[j] += static_cast<float>(static_cast<int8_t>(from[j] ^ flip)) * e.residual_scale + start;
}

// From sums to memory for a tile whose epilogue is not done in registers: the tile stays in the first-level cache.
__attribute__((noinline)) void finish_sums(int32_t* sums, int64_t sums_stride, int rows, const TileCall& call) {
  const Epilogue& epilogue = *call.epilogue;
  const ByteEpilogue& e = *epilogue.bytes;
  const int cols = call.cols;
  take_zero_points(sums, sums_stride, rows, call);
  if (e.store == ByteStore::kSums) return store_plain_sums(sums, sums_stride, rows, call);
  const ByteFactors factors = byte_factors(epilogue);
  float block[kMaxTileRows * kMaxTilePanels * kPanel];
  const bool wide = e.store == ByteStore::kFloat;
  float* values = wide ? static_cast<float*>(call.c) : block;
  const int64_t stride = wide ? call.c_stride : kMaxTilePanels * kPanel;
  const bool before = !e.folded && epilogue.residual != nullptr && !epilogue.residual_after_activation;
  const float *scale = factors.scale + call.col, *bias = factors.bias != nullptr ? factors.bias + call.col : nullptr;
  for (int r = 0; r < rows; ++r) {
    float* to = values + r * stride;
    const int32_t* from = sums + r * sums_stride;
    for (int j = 0; j < cols; ++j) to[j] = static_cast<float>(from[j]) * scale[j];
    for (int j = 0; bias != nullptr && j < cols; ++j) to[j] += bias[j];
    if (before) {
      const float* residual = epilogue.residual + (call.row + r) * epilogue.residual_stride + call.col;
      for (int j = 0; j < cols; ++j) to[j] += residual[j];
    }
    if (factors.residual_before) add_byte_residual(e, call.row + r, call.col, cols, to);
  }
  if (!e.folded) {
    activate_block(values, stride, rows, cols, epilogue, call.row, call.col);
    for (int r = 0; epilogue.post != nullptr && r < rows; ++r) epilogue.post(epilogue.post_ctx, values + r * stride, call.row + r, call.col, cols);
  }
  if (wide && e.snapped) snap_rows(values, stride, rows, cols, e);
  if (wide) return;
  auto* c = static_cast<uint8_t*>(call.c);
  for (int r = 0; r < rows; ++r) {
    float* row = values + r * stride;
    for (int j = 0; j < cols; ++j) row[j] *= factors.multiplier;
    if (factors.residual_after) add_byte_residual(e, call.row + r, call.col, cols, row);
    quantize_row(row, cols, e, c + r * call.c_stride);
  }
}

#endif

}  // namespace
}  // namespace sinter::cpu
