// Zero points and requantization of integer products.
#include "ops/quantized.h"

#include <cmath>

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/wide.h"

namespace sinter::ops {

Result<Tensor> centred(const EvalContext& context, int value, int zero_point, int axis) {
  const Tensor x = widened(context.tensor(value));
  if (!context.has_input(zero_point)) return x;
  const Tensor& given = context.tensor(zero_point);
  const Tensor zero = widened(given);
  Dims shape = given.dims();
  if (given.count() == 1)
    shape.clear();
  else if (axis >= 0 && given.rank() == 1 && axis < x.rank()) {
    shape.assign(x.rank(), 1);
    shape[axis] = given.count();
  }
  const auto plan = BroadcastPlan::make({x.dims(), shape});
  if (!plan.ok() || plan.value().dims() != x.dims() || product(shape) != given.count())
    return context.error(fmt::format("input {} is {} and its zero point {}: expected one value{}; correct the model",
                                     value, to_string(x.dims()), to_string(given.dims()),
                                     axis >= 0 ? " or one a channel" : ""));
  Tensor result(DType::kF64, x.dims());
  plan.value().for_each_run([&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < plan.value().run(); ++i)
      result.data<double>()[at + i] = x.data<double>()[offsets[0] + i * plan.value().run_stride(0)] -
                                      zero.data<double>()[offsets[1] + i * plan.value().run_stride(1)];
  });
  return result;
}

Status requantize(EvalContext& context, int index, const Tensor& wide, const std::vector<double>& multiplier, int axis,
                  int zero_point_input) {
  const Tensor& zero = context.tensor(zero_point_input);
  if (zero.count() != 1)
    return context.error(
        fmt::format("the output's zero point is {}: expected one value; correct the model", to_string(zero.dims())));
  const double offset = zero.to_f64()[0];
  const DType dtype = zero.dtype();
  const bool integer = is_integer(dtype);
  const int64_t channels = multiplier.size() == 1 ? 1 : static_cast<int64_t>(multiplier.size());
  const int64_t inner = channels == 1 ? wide.count() : product(wide.dims(), axis + 1);
  Tensor y(DType::kF64, wide.dims());
  for (int64_t i = 0; i < wide.count(); ++i) {
    const double scaled = wide.data<double>()[i] * multiplier[channels == 1 ? 0 : i / inner % channels];
    y.data<double>()[i] = integer ? saturate_to(dtype, std::nearbyint(scaled) + offset) : scaled + offset;
  }
  store(context, index, dtype, y);
  return ok_status();
}

Tensor scaled_sums(const Tensor& sums, const std::vector<double>& scale, int axis) {
  const auto channels = static_cast<int64_t>(scale.size());
  const int64_t inner = channels <= 1 ? 1 : product(sums.dims(), static_cast<size_t>(axis) + 1);
  Tensor result(DType::kF32, sums.dims());
  for (int64_t i = 0; i < sums.count(); ++i) {
    const auto factor = static_cast<float>(scale[static_cast<size_t>(channels <= 1 ? 0 : i / inner % channels)]);
    result.data<float>()[i] = static_cast<float>(sums.data<double>()[i]) * factor;
  }
  return result;
}

Status check_one_or(const InferContext& context, int input, const Dim& count, std::string_view what) {
  const Shape* shape = context.input_shape(input);
  if (!shape) return ok_status();
  const Dim found = product(*shape);
  if (!found.is_constant() || found.is(1) || !count.is_constant() || found == count) return ok_status();
  const std::string expected = count.is(1) ? "one element" : fmt::format("1 or {} elements", count.value());
  return context.error(fmt::format("{}, input {}, is {}: expected {}; correct the model", what, input, to_string(*shape), expected));
}

Status check_bias(const InferContext& context, int input, const Dim& count) {
  const Shape* shape = context.input_shape(input);
  if (!shape || (shape->size() == 1 && (!(*shape)[0].is_constant() || !count.is_constant() || (*shape)[0] == count))) return ok_status();
  return context.error(fmt::format("the bias, input {}, is {}: expected [{}]; correct the model", input, to_string(*shape), count.to_string()));
}

Result<std::vector<double>> read_scales(const EvalContext& context, int input, int64_t count) {
  const Tensor& scale = context.tensor(input);
  if (scale.count() != 1 && scale.count() != count)
    return context.error(fmt::format("the scale, input {}, is {}: expected 1 or {} values; correct the model", input,
                                     to_string(scale.dims()), count));
  return scale.to_f64();
}

}  // namespace sinter::ops
