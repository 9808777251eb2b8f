// Statistics, scale and shift of the normalizations.
#include "ops/normalization.h"

#include <cmath>

#include "ops/elementwise.h"
#include "ops/wide.h"

namespace sinter::ops {

Moments moments(const double* values, int64_t count) {
  Moments result;
  for (int64_t i = 0; i < count; ++i) result.mean += values[i];
  result.mean /= static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) {
    const double d = values[i] - result.mean;
    result.variance += d * d;
  }
  result.variance /= static_cast<double>(count);
  return result;
}

void standardize_groups(Tensor& wide, int64_t count, double epsilon) {
  if (count == 0) return;
  for (int64_t at = 0; at < wide.count(); at += count) {
    double* group = wide.data<double>() + at;
    const Moments m = moments(group, count);
    const double inverse = 1 / std::sqrt(m.variance + epsilon);
    for (int64_t i = 0; i < count; ++i) group[i] = (group[i] - m.mean) * inverse;
  }
}

namespace {

Status scale_and_shift(const EvalContext& context, Tensor& wide, const Tensor& scale, const Tensor& bias) {
  const auto made = BroadcastPlan::make({wide.dims(), scale.dims(), bias.dims()});
  if (!made.ok() || made.value().dims() != wide.dims())
    return context.error(
        fmt::format("scale {} and bias {} do not broadcast to the input {}: expected one value an element of the "
                    "normalized axes; correct the model",
                    to_string(scale.dims()), to_string(bias.dims()), to_string(wide.dims())));
  const BroadcastPlan& plan = made.value();
  double* y = wide.data<double>();
  plan.for_each_run([&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < plan.run(); ++i)
      y[at + i] = y[at + i] * scale.data<double>()[offsets[1] + i * plan.run_stride(1)] +
                  bias.data<double>()[offsets[2] + i * plan.run_stride(2)];
  });
  return ok_status();
}

}  // namespace

Status scale_and_shift(const EvalContext& context, Tensor& wide, int scale_input, int bias_input) {
  const bool shifted = bias_input >= 0 && context.has_input(bias_input);
  return scale_and_shift(context, wide, widened(context.tensor(scale_input)),
                         shifted ? widened(context.tensor(bias_input)) : zeros_f64({}));
}

Status scale_channels(const EvalContext& context, Tensor& wide, int scale_input, int bias_input) {
  const int64_t channels = wide.rank() > 1 ? wide.dim(1) : 1;
  SINTER_TRY(check_dims(context, scale_input, {channels}));
  SINTER_TRY(check_dims(context, bias_input, {channels}));
  Dims dims(wide.rank(), 1);
  if (wide.rank() > 1) dims[1] = channels;
  return scale_and_shift(context, wide, widened(context.tensor(scale_input)).reshaped(dims),
                         widened(context.tensor(bias_input)).reshaped(dims));
}

}  // namespace sinter::ops
