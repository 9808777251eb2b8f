// bf16 as the upper half of an f32, and an f32 as the sum of two of them (decision 7 of the design: products of split operands).
#pragma once

#include <cstdint>
#include <cstring>

namespace sinter::cpu {

inline float bf16_to_float(uint16_t bits) {
  const uint32_t wide = static_cast<uint32_t>(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

// The nearest, ties to even; what would round beyond the largest finite one becomes that one. NaN stays NaN.
inline uint16_t nearest_bf16(float value) {
  constexpr uint32_t kInfinity = 0x7f800000u, kLargest = 0x7f7fu;
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  const uint32_t size = bits & 0x7fffffffu, sign = bits >> 16 & 0x8000u;
  if (size >= kInfinity) return static_cast<uint16_t>(bits >> 16 | (size > kInfinity ? 0x40u : 0u));
  const uint32_t rounded = (size + 0x7fffu + (size >> 16 & 1u)) >> 16;
  return static_cast<uint16_t>(sign | (rounded > kLargest ? kLargest : rounded));
}

// What nearest_bf16 leaves of a value, as bf16; 0 for infinities and NaN.
inline uint16_t bf16_rest(float value, uint16_t high) {
  if ((high & 0x7f80u) == 0x7f80u) return 0;
  return nearest_bf16(value - bf16_to_float(high));
}

}  // namespace sinter::cpu
