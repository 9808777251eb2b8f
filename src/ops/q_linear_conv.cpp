// QLinearConv: convolution of 8-bit integers with requantization:
// y = saturate(round_half_even(Σ(x - x_zero)(w - w_zero) + b) · x_scale·w_scale/y_scale) + y_zero). The weights' scale
// and zero point may be one a filter.
#include "ops/convolution.h"
#include "ops/quantized.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace q_linear_conv_impl {

Status infer(InferContext& context) {
  for (const int input : {1, 2, 6, 7}) SINTER_TRY(check_one_or(context, input, 1, input % 5 == 1 ? "the scale" : "the zero point"));
  if (const Shape* weights = context.input_shape(3); weights && !weights->empty()) {
    SINTER_TRY(check_one_or(context, 4, weights->front(), "the weights' scale"));
    SINTER_TRY(check_one_or(context, 5, weights->front(), "the weights' zero point"));
  }
  return infer_convolution(context, 0, 3, input_dtype(context, 7));
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 3, 3, 1 << 20));
  const int64_t filters = context.tensor(3).dim(0);
  SINTER_TRY(check_bias(context, 8, filters));
  SINTER_ASSIGN(const Tensor x, centred(context, 0, 2, -1));
  SINTER_ASSIGN(const Tensor w, centred(context, 3, 5, 0));
  SINTER_ASSIGN(const std::vector<double> x_scale, read_scales(context, 1, 1));
  SINTER_ASSIGN(std::vector<double> multiplier, read_scales(context, 4, filters));
  SINTER_ASSIGN(const std::vector<double> y_scale, read_scales(context, 6, 1));
  if (multiplier.empty()) return context.error("the weights have no filters: expected at least one; correct the model");
  for (double& scale : multiplier) scale = x_scale[0] * scale / y_scale[0];
  const Tensor bias = context.has_input(8) ? widened(context.tensor(8)) : Tensor();
  SINTER_ASSIGN(const Tensor y, at_node(context, convolve(context.attributes(), x, w, bias)));
  return requantize(context, 0, y, multiplier, 1, 7);
}

}  // namespace q_linear_conv_impl

OpDef define_q_linear_conv() {
  OpDef op("QLinearConv", 10);
  op.input("x", "T1")
      .input("x_scale", "F32")
      .input("x_zero_point", "T1")
      .input("w", "T2")
      .input("w_scale", "F32")
      .input("w_zero_point", "T2")
      .input("y_scale", "F32")
      .input("y_zero_point", "T3")
      .input("B", "T4", ParamKind::kOptional)
      .output("y", "T3")
      .type("T1", dtype_set(DType::kU8, DType::kI8))
      .type("T2", dtype_set(DType::kU8, DType::kI8))
      .type("T3", dtype_set(DType::kU8, DType::kI8))
      .type("T4", dtype_set(DType::kI32))
      .type("F32", dtype_set(DType::kF32));
  convolution_attributes(op);
  op.infer = q_linear_conv_impl::infer;
  op.evaluate = q_linear_conv_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
