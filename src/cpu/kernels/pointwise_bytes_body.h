// What pointwise programs do to bytes as a whole: tables, scales of channels, quantization (pointwise_steps.h). Included after a simd_*.h.
#pragma once

#include <bit>

#include "cpu/kernels/pointwise_steps.h"
#if defined(__AVX512BW__)
#include "cpu/kernels/byte_fold_avx512.h"
#endif

namespace sinter::cpu {
namespace {

#if defined(__AVX512BW__)

// The table as 128 words in four registers: a word is found by the index's upper seven bits, its half by the lowest one.
inline __m512i look_up_words(const __m512i (&table)[4], __m512i index) {
  const __m512i word = _mm512_srli_epi16(index, 1);
  const __m512i low = _mm512_permutex2var_epi16(table[0], word, table[1]), high = _mm512_permutex2var_epi16(table[2], word, table[3]);
  const __m512i found = _mm512_mask_blend_epi16(_mm512_test_epi16_mask(index, _mm512_set1_epi16(0x80)), low, high);
  const __m512i shift = _mm512_slli_epi16(_mm512_and_si512(index, _mm512_set1_epi16(1)), 3);
  return _mm512_and_si512(_mm512_srlv_epi16(found, shift), _mm512_set1_epi16(0xff));
}

void look_up_bytes(const uint8_t* table, const uint8_t* source, uint8_t* target, int64_t n) {
  __m512i words[4];
  for (int i = 0; i < 4; ++i) words[i] = _mm512_loadu_si512(table + i * 64);
  for (int64_t i = 0; i < n; i += 64) {
    const __mmask64 mask = n - i >= 64 ? ~__mmask64{0} : (__mmask64{1} << (n - i)) - 1;
    const __m512i bytes = _mm512_maskz_loadu_epi8(mask, source + i);
    const __m512i even = look_up_words(words, _mm512_and_si512(bytes, _mm512_set1_epi16(0xff)));
    const __m512i odd = look_up_words(words, _mm512_srli_epi16(bytes, 8));
    _mm512_mask_storeu_epi8(target + i, mask, _mm512_or_si512(even, _mm512_slli_epi16(odd, 8)));
  }
}

// Correctly rounded within the results' range: the quotient's error is known exactly, and taken off. Beyond it any number will do that is.
inline Vec exact_quotient(Vec x, Vec divisor, Vec reciprocal) {
  constexpr int kLeastMagnitude = 2;  // with the first operand's sign
  const Vec q = _mm512_range_ps(mul(x, reciprocal), splat(4096.0f), kLeastMagnitude);
  return fma(_mm512_fnmadd_ps(q, divisor, x), reciprocal, q);
}

// From values to bytes.
class ByteRounding {
 public:
  explicit ByteRounding(const ByteQuantization& how)
      : narrowing_(narrowing_of(epilogue_of(how))),
        divisor_(splat(how.divisor)),
        reciprocal_(splat(1.0f / how.divisor)),
        high_(splat(static_cast<float>(how.high - how.zero))) {}

  // The conversion makes the lowest number of what is too low or none; min keeps the latter when it comes second.
  inline __attribute__((always_inline)) __m512i rounded(Vec x) const {
    return _mm512_cvtps_epi32(_mm512_min_ps(high_, exact_quotient(x, divisor_, reciprocal_)));
  }
  inline __attribute__((always_inline)) __m512i narrowed(__m512i a, __m512i b, __m512i c, __m512i d) const { return narrow_four(narrowing_, a, b, c, d); }

 private:
  static ByteEpilogue epilogue_of(const ByteQuantization& how) {
    ByteEpilogue e;
    e.store = how.is_signed ? ByteStore::kI8 : ByteStore::kU8;
    e.zero = how.zero;
    e.low = how.low;
    e.high = how.high;
    return e;
  }

  Narrowing narrowing_;
  Vec divisor_, reciprocal_, high_;
};

void quantize_values(const ByteQuantization& how, const float* source, int64_t n, uint8_t* target) {
  const ByteRounding rounding(how);
  int64_t i = 0;
  for (; i + 64 <= n; i += 64) {
    const __m512i bytes = rounding.narrowed(rounding.rounded(load(source + i)), rounding.rounded(load(source + i + 16)),
                                            rounding.rounded(load(source + i + 32)), rounding.rounded(load(source + i + 48)));
    _mm512_storeu_si512(target + i, bytes);
  }
  for (; i < n; i += kLanes) {
    const LaneMask mask = first_lanes(n - i);
    const __m512i q = rounding.rounded(load(source + i, mask));
    _mm_mask_storeu_epi8(target + i, mask, _mm512_castsi512_si128(rounding.narrowed(q, q, q, q)));
  }
}

template <bool kSigned>
void scale_bytes_of(const ByteScale& call) {
  const int64_t channels = call.channels;
  const float* factor = call.factor;
  const ByteRounding rounding({call.divisor, call.zero, call.low, call.high, call.target_signed});
  const Vec source_zero = splat(call.source_zero), scale = splat(call.scale);
  const auto scaled = [&](const uint8_t* from, int64_t c, LaneMask mask) __attribute__((always_inline)) {
    const __m128i bytes = _mm_maskz_loadu_epi8(mask, from + c);
    const Vec x = _mm512_cvtepi32_ps(kSigned ? _mm512_cvtepi8_epi32(bytes) : _mm512_cvtepu8_epi32(bytes));
    return rounding.rounded(mul(mul(sub(x, source_zero), scale), load(factor + c, mask)));
  };
  constexpr LaneMask kAll = 0xffff;
  for (int64_t p = 0; p < call.pixels; ++p) {
    const uint8_t* from = call.source + p * channels;
    uint8_t* to = call.target + p * channels;
    int64_t c = 0;
    for (; c + 64 <= channels; c += 64) {
      _mm512_storeu_si512(to + c, rounding.narrowed(scaled(from, c, kAll), scaled(from, c + 16, kAll), scaled(from, c + 32, kAll), scaled(from, c + 48, kAll)));
    }
    for (; c < channels; c += 2 * kLanes) {
      const LaneMask first = first_lanes(channels - c), second = first_lanes(channels - c - kLanes);
      const __m512i a = scaled(from, c, first), b = scaled(from, c + kLanes, second);
      _mm256_mask_storeu_epi8(to + c, first | static_cast<__mmask32>(second) << kLanes, _mm512_castsi512_si256(rounding.narrowed(a, b, a, b)));
    }
  }
}

void scale_bytes_by_channel(const ByteScale& call) {
  if (call.source_signed) scale_bytes_of<true>(call);
  else scale_bytes_of<false>(call);
}

#else

void scale_bytes_by_channel(const ByteScale& call) {
  constexpr float kMagic = 12582912.0f;  // adding 1.5 * 2^23 rounds to even
  const float low = static_cast<float>(call.low - call.zero), high = static_cast<float>(call.high - call.zero);
  const int32_t offset = call.zero - std::bit_cast<int32_t>(kMagic);
  const uint8_t flip = call.source_signed ? 0 : 0x80;
  const float zero = call.source_zero - (call.source_signed ? 0.0f : 128.0f), scale = call.scale, divisor = call.divisor;
  const int64_t channels = call.channels;
  const float* __restrict factor = call.factor;
  for (int64_t p = 0; p < call.pixels; ++p) {
    const uint8_t* __restrict from = call.source + p * channels;
    uint8_t* __restrict to = call.target + p * channels;
    for (int64_t c = 0; c < channels; ++c) {
      const float x = (static_cast<float>(static_cast<int8_t>(from[c] ^ flip)) - zero) * scale * factor[c];
      const float v = x / divisor, raised = v > low ? v : low, bounded = raised < high ? raised : high;
      to[c] = static_cast<uint8_t>(std::bit_cast<int32_t>(bounded + kMagic) + offset);
    }
  }
}

void quantize_values(const ByteQuantization& how, const float* source, int64_t n, uint8_t* target) {
  constexpr float kMagic = 12582912.0f;
  const float low = static_cast<float>(how.low - how.zero), high = static_cast<float>(how.high - how.zero), divisor = how.divisor;
  const int32_t offset = how.zero - std::bit_cast<int32_t>(kMagic);
  for (int64_t i = 0; i < n; ++i) {
    const float v = source[i] / divisor, raised = v > low ? v : low, bounded = raised < high ? raised : high;
    target[i] = static_cast<uint8_t>(std::bit_cast<int32_t>(bounded + kMagic) + offset);
  }
}

void look_up_bytes(const uint8_t* table, const uint8_t* source, uint8_t* target, int64_t n) {
  for (int64_t i = 0; i < n; ++i) target[i] = table[source[i]];
}

#endif

}  // namespace
}  // namespace sinter::cpu
