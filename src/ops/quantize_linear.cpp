// QuantizeLinear: y = saturate(round(x / scale) + zero_point), halves to even; float8, 6- and 4-bit float targets are
// rounded to by their own rules after adding the zero point. The division is rounded to the precision of 'precision' or
// else of the scale. NaN gives the zero point for integer targets.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/quantize_grid.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace quantize_linear_impl {

template <typename Context>
Status target_dtype(const Context& context, DType zero_point, DType& dtype) {
  const int64_t given = context.attributes().i("output_dtype");
  dtype = zero_point != DType::kUndefined ? zero_point : DType::kU8;
  if (given == 0) return ok_status();
  SINTER_ASSIGN(dtype, dtype_attribute(context, "output_dtype", given));
  if (zero_point != DType::kUndefined && zero_point != dtype)
    return context.error(
        fmt::format("attribute 'output_dtype' is {}, but the zero point is {}: expected equal types; correct the model",
                    dtype_name(dtype), dtype_name(zero_point)));
  return ok_status();
}

Status infer(InferContext& context) {
  DType dtype;
  SINTER_TRY(target_dtype(context, input_dtype(context, 2), dtype));
  SINTER_TRY(check_quantize_shapes(context));
  context.set_output(0, ValueType::tensor(dtype, context.input_type(0).shape));
  return ok_status();
}

// Rounds to the precision that the division has.
float round_to(DType precision, float value) {
  if (precision == DType::kF16) return Half(value);
  if (precision == DType::kBF16) return BFloat16(value);
  return value;
}

struct Limits {
  double low, high;
};

Limits limits_of(DType dtype) {
  const int bits = dtype_bits(dtype);
  const double span = std::ldexp(1.0, bits);
  return is_signed(dtype) ? Limits{-span / 2, span / 2 - 1} : Limits{0, span - 1};
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  DType dtype;
  SINTER_TRY(target_dtype(context, context.has_input(2) ? context.tensor(2).dtype() : DType::kUndefined, dtype));
  QuantizeGrid grid;
  SINTER_TRY(make_quantize_grid(context, grid));
  DType precision = context.tensor(1).dtype();
  if (const int64_t given = context.attributes().i("precision"); given != 0) {
    SINTER_ASSIGN(precision, dtype_attribute(context, "precision", given));
  }
  const std::vector<double> values = x.to_f64(), scales = context.tensor(1).to_f64();
  std::vector<double> zeros(scales.size(), 0.0);
  if (context.has_input(2)) zeros = context.tensor(2).to_f64();
  const auto divide = [&](int64_t i, int64_t s) {
    return round_to(precision, round_to(precision, static_cast<float>(values[i])) /
                                   round_to(precision, static_cast<float>(scales[s])));
  };
  if (is_float(dtype)) {
    const bool saturate = context.attributes().i("saturate") != 0, packed = dtype_bits(dtype) < 8;
    Tensor y(packed ? DType::kF32 : dtype, x.dims());
    grid.for_each([&](int64_t i, int64_t s) {
      const float value = divide(i, s) + static_cast<float>(zeros[s]);
      if (packed)
        y.data<float>()[i] = value;
      else
        y.data<uint8_t>()[i] = float_to_small_float(dtype, value, saturate);
    });
    context.set_output(0, packed ? y.packed(dtype) : y);
    return ok_status();
  }
  if (!is_integer(dtype) || dtype_bits(dtype) > 16) return unsupported_dtype(context, 2);
  const Limits limits = limits_of(dtype);
  Tensor y(DType::kI32, x.dims());
  grid.for_each([&](int64_t i, int64_t s) {
    const double value = std::nearbyint(static_cast<double>(divide(i, s))) + zeros[s];
    y.data<int32_t>()[i] = static_cast<int32_t>(std::isnan(value) || value < limits.low ? limits.low
                                                : value > limits.high ? limits.high
                                                                      : value);
  });
  context.set_output(0, y.cast(dtype));
  return ok_status();
}

}  // namespace quantize_linear_impl

OpDef define_quantize_linear() {
  OpDef op("QuantizeLinear", 10);
  op.input("x", "T1")
      .input("y_scale", "T2")
      .input("y_zero_point", "T3", ParamKind::kOptional)
      .output("y", "T3")
      .type("T1", dtype_set(DType::kF32, DType::kI32, DType::kF16, DType::kBF16))
      .type("T2", dtype_set(DType::kF32, DType::kI32, DType::kF16, DType::kBF16, DType::kF8E8M0))
      .type("T3", kSubByteTypes | dtype_set(DType::kU8, DType::kI8, DType::kU16, DType::kI16, DType::kF8E4M3FN,
                                            DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ, DType::kF6E2M3,
                                            DType::kF6E3M2))
      .attr("axis", int64_t{1})
      .attr("block_size", int64_t{0})
      .attr("output_dtype", int64_t{0})
      .attr("precision", int64_t{0})
      .attr("saturate", int64_t{1});
  op.infer = quantize_linear_impl::infer;
  op.evaluate = quantize_linear_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
