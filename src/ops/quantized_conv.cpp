// sinter.QuantizedConv: convolution of 8-bit integers with an f32 result, the form that every quantized convolution takes (made by
// quantize_dense; QLinearConv and ConvInteger become it too):
//   y[n,m,…] = float(Σ (x - x_zero)·(w - w_zero[m]) + b[m]) · scale[m]
// The sum and the bias are exact integers, the product with the scale is one f32 operation. Padding stands for x_zero. What follows (a
// float bias, activation, residual, quantization of the result) is the node's epilogue, whose result may be stored in 8 bits.
#include "ops/convolution.h"
#include "ops/quantized.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace quantized_conv_impl {

Status infer(InferContext& context) {
  if (const Shape* shape = context.input_shape(1); shape && shape->size() >= 3) {
    const Dim filters = shape->front();
    SINTER_TRY(check_one_or(context, 2, filters, "the scale"));
    SINTER_TRY(check_one_or(context, 4, filters, "the zero point"));
    SINTER_TRY(check_bias(context, 5, filters));
  }
  SINTER_TRY(check_one_or(context, 3, 1, "the zero point"));
  return infer_convolution(context, 0, 1, DType::kF32);
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 1, 3, 1 << 20));
  const int64_t filters = context.tensor(1).dim(0);
  SINTER_TRY(check_bias(context, 5, filters));
  SINTER_ASSIGN(const Tensor x, centred(context, 0, 3, -1));
  SINTER_ASSIGN(const Tensor w, centred(context, 1, 4, 0));
  SINTER_ASSIGN(const std::vector<double> scale, read_scales(context, 2, filters));
  const Tensor bias = context.has_input(5) ? widened(context.tensor(5)) : Tensor();
  SINTER_ASSIGN(const Tensor sums, at_node(context, convolve(context.attributes(), x, w, bias)));
  context.set_output(0, scaled_sums(sums, scale, 1));
  return ok_status();
}

}  // namespace quantized_conv_impl

OpDef define_quantized_conv() {
  OpDef op("QuantizedConv", 1, "sinter");
  op.input("X", "T1")
      .input("W", "T2")
      .input("scale", "F32")
      .input("x_zero", "T1", ParamKind::kOptional)
      .input("w_zero", "T2", ParamKind::kOptional)
      .input("B", "I32", ParamKind::kOptional)
      .output("Y", "F32")
      .type("T1", dtype_set(DType::kU8, DType::kI8))
      .type("T2", dtype_set(DType::kU8, DType::kI8))
      .type("F32", dtype_set(DType::kF32))
      .type("I32", dtype_set(DType::kI32));
  convolution_attributes(op);
  op.infer = quantized_conv_impl::infer;
  op.evaluate = quantized_conv_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
