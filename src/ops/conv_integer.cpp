// ConvInteger: convolution of 8-bit integers minus their zero points, result i32. Padding stands for the zero point.
// The weights' zero point may be one value a filter.
#include "ops/convolution.h"
#include "ops/quantized.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace conv_integer_impl {

Status infer(InferContext& context) { return infer_convolution(context, 0, 1, DType::kI32); }

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 1, 3, 1 << 20));
  SINTER_ASSIGN(const Tensor x, centred(context, 0, 2, -1));
  SINTER_ASSIGN(const Tensor w, centred(context, 1, 3, 0));
  SINTER_ASSIGN(const Tensor y, at_node(context, convolve(context.attributes(), x, w, {})));
  store(context, 0, DType::kI32, y);
  return ok_status();
}

}  // namespace conv_integer_impl

OpDef define_conv_integer() {
  OpDef op("ConvInteger", 10);
  op.input("x", "T1")
      .input("w", "T2")
      .input("x_zero_point", "T1", ParamKind::kOptional)
      .input("w_zero_point", "T2", ParamKind::kOptional)
      .output("y", "T3")
      .type("T1", dtype_set(DType::kU8, DType::kI8))
      .type("T2", dtype_set(DType::kU8, DType::kI8))
      .type("T3", dtype_set(DType::kI32));
  convolution_attributes(op);
  op.infer = conv_integer_impl::infer;
  op.evaluate = conv_integer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
