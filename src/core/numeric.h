// C++ counterparts of the element types, conversions between them, and dispatch from DType to a C++ type.
//
// Conversions to a narrow float round to nearest, ties to even. float8 kinds follow ONNX's Cast: `saturate` clamps finite
// overflow to the largest finite value, otherwise it becomes NaN (FN, FNUZ) or infinity (E5M2).
#pragma once

#include <complex>
#include <cstdint>
#include <cstring>
#include <string>

#include "core/dtype.h"

namespace sinter {

float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);
inline float bfloat16_to_float(uint16_t bits) {
  const uint32_t wide = uint32_t{bits} << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}
uint16_t float_to_bfloat16(float value);
// Any 8-, 6- or 4-bit float kind, in the low bits of `bits`.
float small_float_to_float(DType type, uint8_t bits);
uint8_t float_to_small_float(DType type, float value, bool saturate = true);

struct Half {
  uint16_t bits = 0;
  Half() = default;
  Half(float value) : bits(float_to_half(value)) {}  // NOLINT: arithmetic types convert
  operator float() const { return half_to_float(bits); }
};
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  BFloat16(float value) : bits(float_to_bfloat16(value)) {}  // NOLINT
  operator float() const { return bfloat16_to_float(bits); }
};
// One byte each, saturating conversion.
template <DType kType>
struct Float8 {
  uint8_t bits = 0;
  Float8() = default;
  Float8(float value) : bits(float_to_small_float(kType, value)) {}  // NOLINT
  operator float() const { return small_float_to_float(kType, bits); }
};

template <typename T>
struct TypeTag {
  using type = T;
};

// Floating types f32, f64, f16, bf16: calls fn(TypeTag<T>{}). False without a call for others.
template <typename Fn>
bool visit_float(DType type, Fn&& fn) {
  switch (type) {
    case DType::kF32: fn(TypeTag<float>{}); return true;
    case DType::kF64: fn(TypeTag<double>{}); return true;
    case DType::kF16: fn(TypeTag<Half>{}); return true;
    case DType::kBF16: fn(TypeTag<BFloat16>{}); return true;
    default: return false;
  }
}

// Integers of 8 to 64 bits.
template <typename Fn>
bool visit_integer(DType type, Fn&& fn) {
  switch (type) {
    case DType::kI8: fn(TypeTag<int8_t>{}); return true;
    case DType::kI16: fn(TypeTag<int16_t>{}); return true;
    case DType::kI32: fn(TypeTag<int32_t>{}); return true;
    case DType::kI64: fn(TypeTag<int64_t>{}); return true;
    case DType::kU8: fn(TypeTag<uint8_t>{}); return true;
    case DType::kU16: fn(TypeTag<uint16_t>{}); return true;
    case DType::kU32: fn(TypeTag<uint32_t>{}); return true;
    case DType::kU64: fn(TypeTag<uint64_t>{}); return true;
    default: return false;
  }
}

// Floats of 16 bits and more and integers: what arithmetic kernels are written for.
template <typename Fn>
bool visit_numeric(DType type, Fn&& fn) {
  return visit_float(type, fn) || visit_integer(type, fn);
}

// Every byte-addressable element type (bool is `bool`, strings std::string, complex std::complex); false without a call for
// 6-, 4- and 2-bit types (unpack them first, core/tensor.h) and kUndefined.
template <typename Fn>
bool visit_dtype(DType type, Fn&& fn) {
  if (visit_numeric(type, fn)) return true;
  switch (type) {
    case DType::kBool: fn(TypeTag<bool>{}); return true;
    case DType::kString: fn(TypeTag<std::string>{}); return true;
    case DType::kC64: fn(TypeTag<std::complex<float>>{}); return true;
    case DType::kC128: fn(TypeTag<std::complex<double>>{}); return true;
    case DType::kF8E4M3FN: fn(TypeTag<Float8<DType::kF8E4M3FN>>{}); return true;
    case DType::kF8E4M3FNUZ: fn(TypeTag<Float8<DType::kF8E4M3FNUZ>>{}); return true;
    case DType::kF8E5M2: fn(TypeTag<Float8<DType::kF8E5M2>>{}); return true;
    case DType::kF8E5M2FNUZ: fn(TypeTag<Float8<DType::kF8E5M2FNUZ>>{}); return true;
    case DType::kF8E8M0: fn(TypeTag<Float8<DType::kF8E8M0>>{}); return true;
    default: return false;
  }
}

}  // namespace sinter
