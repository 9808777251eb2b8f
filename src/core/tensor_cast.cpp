// Tensor::cast, to_i64 and to_f64: numeric conversion as ONNX's Cast.
//
// Every source type is first widened to one of four carriers that hold it exactly (float, double, int64, uint64), then narrowed, so
// that there are few loops. Floats out of an integer's range, undefined in ONNX, give what x86 hardware gives: the most
// negative int32 (int64 for 64-bit targets), cut to the target's width.
#include <cmath>
#include <type_traits>

#include "core/tensor.h"

namespace sinter {
namespace {

// A float next to `value` whose last bit is set when inexact, so that a second rounding to fewer bits is right.
float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  if (static_cast<double>(nearest) == value || !std::isfinite(nearest)) return nearest;
  uint32_t bits;
  std::memcpy(&bits, &nearest, 4);
  if (bits & 1) return nearest;
  // The neighbour on the value's other side is odd and also encloses it.
  const bool away = std::fabs(static_cast<double>(nearest)) < std::fabs(value);
  bits = away ? bits + 1 : bits - 1;
  float odd;
  std::memcpy(&odd, &bits, 4);
  return odd;
}

float carrier_to_float(float value) { return value; }
float carrier_to_float(double value) { return round_to_odd(value); }
float carrier_to_float(int64_t value) { return round_to_odd(static_cast<double>(value)); }
float carrier_to_float(uint64_t value) { return round_to_odd(static_cast<double>(value)); }

template <typename To, typename From>
To to_integer(From value) {
  if constexpr (std::is_floating_point_v<From>) {
    const auto wide = static_cast<double>(value);
    if constexpr (sizeof(To) == 8 || std::is_same_v<To, uint32_t>) {
      if constexpr (std::is_same_v<To, uint64_t>) {
        if (wide >= 0x1p63 && wide < 0x1p64) return static_cast<uint64_t>(wide);
      }
      const bool fits = wide >= -0x1p63 && wide < 0x1p63;
      return static_cast<To>(fits ? static_cast<int64_t>(wide) : INT64_MIN);
    } else {
      const bool fits = wide > -2147483649.0 && wide < 2147483648.0;
      return static_cast<To>(fits ? static_cast<int32_t>(wide) : INT32_MIN);
    }
  } else {
    return static_cast<To>(value);
  }
}

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return value != From{0};
  } else if constexpr (std::is_integral_v<To>) {
    return to_integer<To>(value);
  } else if constexpr (std::is_floating_point_v<To>) {
    return static_cast<To>(value);
  } else {
    return To(carrier_to_float(value));
  }
}

template <typename From>
void narrow(const From* source, Tensor& target) {
  visit_dtype(target.dtype(), [&](auto tag) {
    using To = typename decltype(tag)::type;
    if constexpr (!std::is_same_v<To, std::string>) {
      To* out = target.data<To>();
      for (int64_t i = 0; i < target.count(); ++i) {
        if constexpr (std::is_same_v<To, std::complex<float>> || std::is_same_v<To, std::complex<double>>) {
          out[i] = To(static_cast<typename To::value_type>(source[i]), 0);
        } else {
          out[i] = convert<To>(source[i]);
        }
      }
    }
  });
}

DType carrier_of(DType dtype) {
  switch (dtype) {
    case DType::kF64: case DType::kC128: return DType::kF64;
    case DType::kU64: return DType::kU64;
    case DType::kBool: return DType::kI64;
    default: return is_integer(dtype) ? DType::kI64 : DType::kF32;
  }
}

// The tensor in its carrier type; complex numbers by their real part.
Tensor widen(const Tensor& tensor) {
  const DType carrier = carrier_of(tensor.dtype());
  if (carrier == tensor.dtype()) return tensor;
  Tensor out(carrier, tensor.dims());
  visit_dtype(tensor.dtype(), [&](auto tag) {
    using From = typename decltype(tag)::type;
    const From* source = tensor.data<From>();
    for (int64_t i = 0; i < tensor.count(); ++i) {
      if constexpr (std::is_same_v<From, std::complex<float>>) {
        out.data<float>()[i] = source[i].real();
      } else if constexpr (std::is_same_v<From, std::complex<double>>) {
        out.data<double>()[i] = source[i].real();
      } else if constexpr (std::is_integral_v<From> && !std::is_same_v<From, uint64_t>) {
        out.data<int64_t>()[i] = static_cast<int64_t>(source[i]);
      } else if constexpr (!std::is_same_v<From, std::string> && !std::is_integral_v<From> && !std::is_same_v<From, double>) {
        out.data<float>()[i] = static_cast<float>(source[i]);
      }
    }
  });
  return out;
}

void narrow_carrier(const Tensor& wide, Tensor& target) {
  switch (wide.dtype()) {
    case DType::kF64: return narrow(wide.data<double>(), target);
    case DType::kU64: return narrow(wide.data<uint64_t>(), target);
    case DType::kI64: return narrow(wide.data<int64_t>(), target);
    default: return narrow(wide.data<float>(), target);
  }
}

// Where a sub-byte type's elements live while computing.
DType unpacked_type(DType dtype) {
  if (dtype_bits(dtype) >= 8) return dtype;
  return is_float(dtype) ? DType::kF32 : is_signed(dtype) ? DType::kI8 : DType::kU8;
}

}  // namespace

Tensor Tensor::cast(DType dtype) const {
  if (dtype == dtype_ || dtype == DType::kString || dtype_ == DType::kString) return clone();
  const Tensor wide = widen(unpacked());
  Tensor out(unpacked_type(dtype), dims_);
  narrow_carrier(wide, out);
  return dtype_bits(dtype) < 8 ? out.packed(dtype) : out;
}

std::vector<int64_t> Tensor::to_i64() const {
  if (dtype_ == DType::kString || !defined()) return {};
  const Tensor wide = cast(DType::kI64);
  return {wide.data<int64_t>(), wide.data<int64_t>() + count_};
}

std::vector<double> Tensor::to_f64() const {
  if (dtype_ == DType::kString || !defined()) return {};
  const Tensor wide = cast(DType::kF64);
  return {wide.data<double>(), wide.data<double>() + count_};
}

}  // namespace sinter
