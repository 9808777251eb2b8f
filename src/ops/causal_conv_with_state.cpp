// CausalConvWithState: depthwise convolution along the last axis of [batch, channels, length] that looks back only:
// past_state (zeros when absent) holds the k-1 elements before the first. present_state: the last k-1 elements of past
// and input together.
#include <cmath>

#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace causal_conv_with_state_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 3, 3));
  SINTER_TRY(check_rank(context, 1, 3, 3));
  context.set_output(0, context.input_type(0));
  std::optional<Shape> state;
  const Shape *x = context.input_shape(0), *w = context.input_shape(1);
  if (x && w) state = Shape{(*x)[0], (*x)[1], (*w)[2] - 1};
  if (context.has_output(1)) context.set_output(1, ValueType::tensor(input_dtype(context, 0), std::move(state)));
  return ok_status();
}

Status check(const EvalContext& context, int64_t& taps) {
  SINTER_TRY(check_rank(context, 0, 3, 3));
  SINTER_TRY(check_rank(context, 1, 3, 3));
  const Tensor& x = context.tensor(0);
  taps = context.tensor(1).dim(2);
  if (taps < 1) return context.error("the kernel is empty: expected at least one tap; correct the model");
  SINTER_TRY(check_dims(context, 1, {x.dim(1), 1, taps}));
  if (context.has_input(2)) SINTER_TRY(check_dims(context, 2, {x.dim(1)}));
  return context.has_input(3) ? check_dims(context, 3, {x.dim(0), x.dim(1), taps - 1}) : ok_status();
}

Status evaluate(EvalContext& context) {
  int64_t taps = 0;
  SINTER_TRY(check(context, taps));
  const std::string& activation = context.attributes().s("activation");
  const bool silu = activation == "silu" || activation == "swish";
  if (!silu && activation != "none")
    return context.error(
        fmt::format("attribute 'activation' is '{}': expected silu, swish or none; correct the model", activation));
  const DType dtype = context.tensor(0).dtype();
  const Tensor x = widened(context.tensor(0)), w = widened(context.tensor(1));
  const Tensor bias = context.has_input(2) ? widened(context.tensor(2)) : zeros_f64({x.dim(1)});
  const int64_t length = x.dim(2), channels = x.dim(1), rows = x.dim(0) * channels, kept = taps - 1;
  const Tensor past = context.has_input(3) ? widened(context.tensor(3)) : zeros_f64({x.dim(0), channels, kept});
  Tensor y(DType::kF64, x.dims()), state(DType::kF64, {x.dim(0), channels, kept});
  std::vector<double> line(static_cast<size_t>(kept + length));
  for (int64_t r = 0; r < rows; ++r) {
    std::copy_n(past.data<double>() + r * kept, kept, line.begin());
    std::copy_n(x.data<double>() + r * length, length, line.begin() + kept);
    const double* filter = w.data<double>() + r % channels * taps;
    for (int64_t t = 0; t < length; ++t) {
      double sum = bias.data<double>()[r % channels];
      for (int64_t k = 0; k < taps; ++k) sum += filter[k] * line[t + k];
      y.data<double>()[r * length + t] = silu ? sum / (1 + std::exp(-sum)) : sum;
    }
    std::copy_n(line.begin() + length, kept, state.data<double>() + r * kept);
  }
  store(context, 0, dtype, y);
  if (context.wants_output(1)) store(context, 1, dtype, state);
  return ok_status();
}

}  // namespace causal_conv_with_state_impl

OpDef define_causal_conv_with_state() {
  OpDef op("CausalConvWithState", 27);
  op.input("input", "T")
      .input("weight", "T")
      .input("bias", "T", ParamKind::kOptional)
      .input("past_state", "T", ParamKind::kOptional)
      .output("output", "T")
      .output("present_state", "T")
      .type("T", kFloatTypes)
      .attr("activation", std::string("none"));
  op.infer = causal_conv_with_state_impl::infer;
  op.evaluate = causal_conv_with_state_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
