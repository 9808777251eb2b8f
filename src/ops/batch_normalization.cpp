// BatchNormalization: y = (x - mean[c]) / sqrt(var[c] + epsilon) · scale[c] + bias[c]. In training mode the statistics
// are those of the batch (population variance), and the running ones are returned mixed with them by the momentum.
#include <cmath>

#include "ops/normalization.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace batch_normalization_impl {

Status infer(InferContext& context) {
  context.set_output(0, context.input_type(0));
  for (int i = 1; i < 3; ++i)
    if (context.has_output(i)) context.set_output(i, context.input_type(2 + i));
  const Shape* x = context.input_shape(0);
  for (int i = 1; x && x->size() >= 2 && i < 5; ++i) {
    const Shape* vector = context.input_shape(i);
    if (vector && (vector->size() != 1 || decide_equal((*vector)[0], (*x)[1]) == false))
      return context.error(fmt::format(
          "input {} is {} but input 0, {}, has {} channels: expected one value a channel; check the exporter", i,
          to_string(*vector), to_string(*x), (*x)[1].to_string()));
  }
  return ok_status();
}

// Mean and variance of every channel over the batch and the plane.
void batch_statistics(const Tensor& x, int64_t channels, int64_t plane, double* mean, double* variance) {
  const int64_t batch = x.count() / std::max<int64_t>(1, channels * plane), count = batch * plane;
  for (int64_t c = 0; c < channels; ++c) {
    std::vector<double> values;
    values.reserve(static_cast<size_t>(count));
    for (int64_t n = 0; n < batch; ++n) {
      const double* from = x.data<double>() + (n * channels + c) * plane;
      values.insert(values.end(), from, from + plane);
    }
    const Moments m = moments(values.data(), count);
    mean[c] = m.mean;
    variance[c] = m.variance;
  }
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  if (x.rank() < 1) return context.error("input 0 is a scalar: expected at least rank 1; correct the model");
  const int64_t channels = x.rank() > 1 ? x.dim(1) : 1, plane = x.rank() > 1 ? product(x.dims(), 2) : 1;
  for (int i = 1; i < 5; ++i) SINTER_TRY(check_dims(context, i, {channels}));
  const Tensor scale = widened(context.tensor(1)), bias = widened(context.tensor(2));
  Tensor y = widened_copy(x), mean = widened_copy(context.tensor(3)), variance = widened_copy(context.tensor(4));
  if (context.attributes().i("training_mode") != 0) {
    const double momentum = context.attributes().f("momentum");
    Tensor running_mean = mean.clone(), running_variance = variance.clone();
    batch_statistics(y, channels, plane, mean.data<double>(), variance.data<double>());
    const auto mix = [&](Tensor& running, const Tensor& current) {
      for (int64_t c = 0; c < channels; ++c)
        running.data<double>()[c] = running.data<double>()[c] * momentum + current.data<double>()[c] * (1 - momentum);
    };
    mix(running_mean, mean);
    mix(running_variance, variance);
    if (context.wants_output(1)) store(context, 1, context.tensor(3).dtype(), running_mean);
    if (context.wants_output(2)) store(context, 2, context.tensor(4).dtype(), running_variance);
  }
  const double epsilon = context.attributes().f("epsilon");
  for (int64_t i = 0, planes = plane == 0 ? 0 : y.count() / plane; i < planes; ++i) {
    const int64_t c = i % channels;
    const double factor = scale.data<double>()[c] / std::sqrt(variance.data<double>()[c] + epsilon);
    double* values = y.data<double>() + i * plane;
    for (int64_t j = 0; j < plane; ++j)
      values[j] = (values[j] - mean.data<double>()[c]) * factor + bias.data<double>()[c];
  }
  store(context, 0, x.dtype(), y);
  return ok_status();
}

}  // namespace batch_normalization_impl

OpDef define_batch_normalization() {
  OpDef op("BatchNormalization", 9);
  op.input("X", "T")
      .input("scale", "T1")
      .input("B", "T1")
      .input("input_mean", "T2")
      .input("input_var", "T2")
      .output("Y", "T")
      .output("running_mean", "T2", ParamKind::kOptional)
      .output("running_var", "T2", ParamKind::kOptional)
      .type("T", kFloatTypes)
      .type("T1", kFloatTypes)
      .type("T2", kFloatTypes)
      .attr("epsilon", 1e-05f)
      .attr("momentum", 0.9f)
      .attr("training_mode", int64_t{0});
  op.infer = batch_normalization_impl::infer;
  op.evaluate = batch_normalization_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
