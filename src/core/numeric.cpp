#include "core/numeric.h"

#include <array>
#include <cmath>

namespace sinter {
namespace {

uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return bits;
}

float float_of(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

// A float kind of at most 8 bits with a sign bit: sign, exponent, mantissa from the top.
struct SmallFormat {
  int exponent_bits, mantissa_bits, bias;
  uint8_t max_code;       // largest finite magnitude
  uint8_t overflow_code;  // what overflow becomes without saturation (NaN or infinity); sign is added unless fnuz
  uint8_t nan_code;       // 0: none
  bool fnuz;              // one NaN (0x80), no negative zero
  uint8_t sign_bit() const { return static_cast<uint8_t>(1 << (exponent_bits + mantissa_bits)); }
};

constexpr SmallFormat kE4M3FN{4, 3, 7, 0x7e, 0x7f, 0x7f, false};
constexpr SmallFormat kE4M3FNUZ{4, 3, 8, 0x7f, 0x80, 0x80, true};
constexpr SmallFormat kE5M2{5, 2, 15, 0x7b, 0x7c, 0x7e, false};
constexpr SmallFormat kE5M2FNUZ{5, 2, 16, 0x7f, 0x80, 0x80, true};
// The formats without NaN store one as negative zero, as ONNX's reference implementation does.
constexpr SmallFormat kE2M1{2, 1, 1, 0x07, 0x07, 0x08, false};
constexpr SmallFormat kE2M3{2, 3, 1, 0x1f, 0x1f, 0x20, false};
constexpr SmallFormat kE3M2{3, 2, 3, 0x1f, 0x1f, 0x20, false};

const SmallFormat* small_format(DType type) {
  switch (type) {
    case DType::kF8E4M3FN: return &kE4M3FN;
    case DType::kF8E4M3FNUZ: return &kE4M3FNUZ;
    case DType::kF8E5M2: return &kE5M2;
    case DType::kF8E5M2FNUZ: return &kE5M2FNUZ;
    case DType::kF4E2M1: return &kE2M1;
    case DType::kF6E2M3: return &kE2M3;
    case DType::kF6E3M2: return &kE3M2;
    default: return nullptr;
  }
}

float decode(const SmallFormat& f, DType type, uint8_t code) {
  if (f.fnuz && code == 0x80) return std::nanf("");
  const int magnitude = code & (f.sign_bit() - 1);
  const bool negative = code & f.sign_bit();
  if (type == DType::kF8E4M3FN && magnitude == 0x7f) return negative ? -std::nanf("") : std::nanf("");
  if (type == DType::kF8E5M2 && magnitude >= 0x7c) {
    const float special = magnitude == 0x7c ? HUGE_VALF : std::nanf("");
    return negative ? -special : special;
  }
  const int exponent = magnitude >> f.mantissa_bits;
  const int mantissa = magnitude & ((1 << f.mantissa_bits) - 1);
  const float value = exponent == 0
                          ? std::ldexp(static_cast<float>(mantissa), 1 - f.bias - f.mantissa_bits)
                          : std::ldexp(static_cast<float>(mantissa + (1 << f.mantissa_bits)), exponent - f.bias - f.mantissa_bits);
  return negative ? -value : value;
}

uint8_t encode(const SmallFormat& f, float value, bool saturate) {
  const uint8_t sign = std::signbit(value) ? f.sign_bit() : 0;
  if (std::isnan(value)) return f.fnuz || f.nan_code == f.sign_bit() ? f.nan_code : static_cast<uint8_t>(sign | f.nan_code);
  const float magnitude = std::fabs(value);
  int64_t code = INT64_MAX;
  if (std::isfinite(magnitude)) {
    if (magnitude == 0) {
      code = 0;
    } else {
      const int exponent = std::max(std::ilogb(magnitude), 1 - f.bias);
      // Exact in double; lrint rounds ties to even. A carry out of the mantissa moves to the next exponent by itself.
      const auto steps = std::llrint(std::ldexp(static_cast<double>(magnitude), f.mantissa_bits - exponent));
      code = (static_cast<int64_t>(exponent + f.bias - 1) << f.mantissa_bits) + steps;
    }
  }
  if (code > f.max_code) {
    if (saturate) return sign | f.max_code;
    return f.fnuz ? f.overflow_code : static_cast<uint8_t>(sign | f.overflow_code);
  }
  if (f.fnuz && code == 0) return 0;
  return static_cast<uint8_t>(sign | code);
}

float decode_e8m0(uint8_t code) {
  if (code == 0xff) return std::nanf("");
  return code == 0 ? float_of(0x00400000) : float_of(uint32_t{code} << 23);
}

// Powers of two, rounded up as ONNX's default; zero and negative numbers become the least one.
uint8_t encode_e8m0(float value, bool saturate) {
  if (std::isnan(value)) return 0xff;
  if (std::isinf(value) && value > 0) return saturate ? 0xfe : 0xff;
  if (value <= 0) return saturate ? 0 : 0xff;
  const uint32_t bits = bits_of(value);
  const uint32_t exponent = bits >> 23;
  if (exponent == 0) return bits <= 0x00400000 ? 0 : 1;
  const uint32_t code = exponent + ((bits & 0x7fffff) != 0);
  if (code > 0xfe) return saturate ? 0xfe : 0xff;
  return static_cast<uint8_t>(code);
}

struct DecodeTables {
  std::array<std::array<float, 256>, kDTypeCount> values{};
  DecodeTables() {
    for (int t = 0; t < kDTypeCount; ++t) {
      const auto type = static_cast<DType>(t);
      const SmallFormat* format = small_format(type);
      if (!format && type != DType::kF8E8M0) continue;
      for (int code = 0; code < 256; ++code) {
        const auto byte = static_cast<uint8_t>(code);
        values[t][code] = format ? decode(*format, type, byte) : decode_e8m0(byte);
      }
    }
  }
};

}  // namespace

float half_to_float(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 0x1f;
  const uint32_t mantissa = half & 0x3ff;
  if (exponent == 31) return float_of(sign | 0x7f800000 | mantissa << 13);
  if (exponent != 0) return float_of(sign | (exponent + 112) << 23 | mantissa << 13);
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return float_of(sign | bits_of(magnitude));
}

uint16_t float_to_half(float value) {
  const uint32_t bits = bits_of(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | static_cast<uint16_t>((magnitude >> 13) & 0x3ff);
  if (magnitude >= 0x477ff000) return sign | 0x7c00;  // 65520 and more round to infinity
  if (magnitude < 0x38800000) {                       // below 2^-14: subnormal
    // Adding 0.5 puts the unit of the sum's last place at 2^-24, a half's smallest step: the addition rounds.
    const uint32_t sum = bits_of(float_of(magnitude) + 0.5f);
    return sign | static_cast<uint16_t>(sum - 0x3f000000);
  }
  const uint32_t rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1);
  return sign | static_cast<uint16_t>(rounded >> 13);
}

uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = bits_of(value);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float small_float_to_float(DType type, uint8_t bits) {
  static const DecodeTables kTables;
  return kTables.values[static_cast<size_t>(type) % kDTypeCount][bits];
}

uint8_t float_to_small_float(DType type, float value, bool saturate) {
  if (type == DType::kF8E8M0) return encode_e8m0(value, saturate);
  const SmallFormat* format = small_format(type);
  return format ? encode(*format, value, saturate) : 0;
}

}  // namespace sinter
