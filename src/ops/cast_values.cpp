// Conversion between any two element types: what Cast and CastLike share.
//
// Strings: numbers are printed shortest so that reading gives the same value, non-finite ones as "NaN", "INF", "-INF";
// reading takes plain and scientific notation, and the three words in any case.
#include "ops/cast_values.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace cast_values_impl {

std::string print(double value, bool single) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  return single ? fmt::format("{}", static_cast<float>(value)) : fmt::format("{}", value);
}

Status to_strings(EvalContext& context, const Tensor& x) {
  Tensor& y = context.allocate(0, DType::kString, x.dims());
  std::string* out = y.data<std::string>();
  if (x.dtype() == DType::kBool || is_integer(x.dtype())) {
    const Tensor wide = x.cast(x.dtype() == DType::kU64 ? DType::kU64 : DType::kI64);
    for (int64_t i = 0; i < x.count(); ++i)
      out[i] = wide.dtype() == DType::kU64 ? std::to_string(wide.data<uint64_t>()[i])
                                           : std::to_string(wide.data<int64_t>()[i]);
    return ok_status();
  }
  const std::vector<double> values = x.to_f64();
  for (int64_t i = 0; i < x.count(); ++i) out[i] = print(values[i], x.dtype() != DType::kF64);
  return ok_status();
}

// An integer literal keeps all its digits; anything else is read as a double.
struct Number {
  bool integer = false;
  int64_t whole = 0;
  double real = 0;
};

bool parse(const std::string& text, Number& number) {
  std::string lower;
  for (const char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (lower == "nan") return number.real = std::nan(""), true;
  if (lower == "inf" || lower == "+inf") return number.real = HUGE_VAL, true;
  if (lower == "-inf") return number.real = -HUGE_VAL, true;
  if (text.empty() || text.find_first_of("xX") != std::string::npos) return false;
  char* end = nullptr;
  number.real = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size()) return false;
  number.integer = text.find_first_of(".eEiInN") == std::string::npos;
  if (number.integer) number.whole = std::strtoll(text.c_str(), nullptr, 10);
  return true;
}

Status from_strings(EvalContext& context, const Tensor& x, DType to) {
  const bool integers = is_integer(to) || to == DType::kBool;
  Tensor values(integers ? DType::kI64 : DType::kF64, x.dims());
  for (int64_t i = 0; i < x.count(); ++i) {
    const std::string& text = x.data<std::string>()[i];
    Number number;
    if (!parse(text, number))
      return context.error(
          fmt::format("element {} is the string '{}': expected a number to cast to {}; correct the input", i,
                      text.substr(0, 40), dtype_name(to)));
    if (!integers)
      values.data<double>()[i] = number.real;
    else if (number.integer)
      values.data<int64_t>()[i] = number.whole;
    else
      values.data<int64_t>()[i] = std::abs(number.real) < 0x1p63 ? static_cast<int64_t>(number.real) : 0;
  }
  context.set_output(0, values.cast(to));
  return ok_status();
}

// Powers of two by the chosen rounding of positive numbers: a code is an exponent with bias 127, 255 is NaN.
uint8_t encode_e8m0(float value, bool saturate, const std::string& round_mode) {
  if (std::isnan(value)) return 0xff;
  if (value <= 0) return saturate ? 0 : 0xff;
  if (std::isinf(value)) return saturate ? 0xfe : 0xff;
  int exponent = 0;
  const float mantissa = std::frexp(value, &exponent);  // value = mantissa * 2^exponent, mantissa in [0.5, 1)
  int code = exponent - 1 + 127;
  const bool up = round_mode == "up" ? mantissa > 0.5f : round_mode == "nearest" && mantissa >= 0.75f;
  if (up) ++code;
  if (code < 0) return saturate ? 0 : 0xff;
  if (code > 0xfe) return saturate ? 0xfe : 0xff;
  return static_cast<uint8_t>(code);
}

Status to_float8(EvalContext& context, const Tensor& x, DType to, bool saturate, const std::string& round_mode) {
  const Tensor wide = x.cast(DType::kF32);
  Tensor& y = context.allocate(0, to, x.dims());
  for (int64_t i = 0; i < x.count(); ++i) {
    const float value = wide.data<float>()[i];
    y.data<uint8_t>()[i] =
        to == DType::kF8E8M0 ? encode_e8m0(value, saturate, round_mode) : float_to_small_float(to, value, saturate);
  }
  return ok_status();
}

}  // namespace cast_values_impl

Status cast_values(EvalContext& context, DType to) {
  const Tensor& x = context.tensor(0);
  if (to == x.dtype()) {
    context.set_output(0, x);
    return ok_status();
  }
  if (to == DType::kString) return cast_values_impl::to_strings(context, x);
  if (x.dtype() == DType::kString) return cast_values_impl::from_strings(context, x, to);
  const bool saturate = context.attributes().i("saturate") != 0;
  const std::string& round_mode = context.attributes().s("round_mode");
  if (round_mode != "up" && round_mode != "down" && round_mode != "nearest")
    return context.error(fmt::format(
        "attribute 'round_mode' is '{}': expected 'up', 'down' or 'nearest'; correct the attribute", round_mode));
  const bool special = contains(kFloat8Types, to) && (!saturate || (to == DType::kF8E8M0 && round_mode != "up"));
  if (special) return cast_values_impl::to_float8(context, x, to, saturate, round_mode);
  context.set_output(0, x.cast(to));
  return ok_status();
}

void infer_cast(InferContext& context, DType to) {
  context.set_output(0, ValueType::tensor(to, context.input_type(0).shape));
  if (to == DType::kBool) {
    propagate_elements(context, 1, [](const auto& v) -> std::optional<Dim> {
      const std::optional<bool> zero = decide_equal(v[0], Dim(0));
      if (!zero) return std::nullopt;
      return Dim(*zero ? 0 : 1);
    });
  } else if (contains(dtype_set(DType::kI32, DType::kI64), to)) {
    if (auto elements = context.input_elements(0)) context.set_output_elements(0, std::move(*elements));
  }
}

}  // namespace sinter::ops
