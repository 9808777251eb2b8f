// sinter.QuantizedMatMul: numpy's matmul of 8-bit integers with an f32 result, the form that every quantized matrix product takes (made by
// quantize_dense; QLinearMatMul, MatMulInteger and QGemm become it too):
//   y[…,i,j] = float(Σ_k (a[…,i,k] - a_zero)·(b[…,k,j] - b_zero[j]) + bias[j]) · scale[j]
// The sum and the bias are exact integers, the product with the scale is one f32 operation. a_zero and scale may be tensors that are only
// known at run time (dynamic quantization). What follows is the node's epilogue, whose result may be stored in 8 bits.
#include "ops/matmul_shape.h"
#include "ops/quantized.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace quantized_matmul_impl {

Status infer(InferContext& context) {
  if (const Shape* shape = context.input_shape(1); shape && shape->size() >= 2) {
    const Dim columns = shape->back();
    SINTER_TRY(check_one_or(context, 2, columns, "the scale"));
    SINTER_TRY(check_one_or(context, 4, columns, "the zero point"));
    SINTER_TRY(check_bias(context, 5, columns));
  }
  SINTER_TRY(check_one_or(context, 3, 1, "the zero point"));
  return infer_matmul(context, 0, 1, DType::kF32);
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 1 << 20));
  SINTER_TRY(check_rank(context, 1, 2, 1 << 20));
  const Tensor& b_values = context.tensor(1);
  const int64_t columns = b_values.dim(b_values.rank() - 1);
  SINTER_ASSIGN(const Tensor a, centred(context, 0, 3, -1));
  SINTER_ASSIGN(const Tensor b, centred(context, 1, 4, b_values.rank() - 1));
  SINTER_ASSIGN(const std::vector<double> scale, read_scales(context, 2, columns));
  SINTER_ASSIGN(Tensor sums, at_node(context, matmul_f64(a, b)));
  if (context.has_input(5)) {
    SINTER_TRY(check_dims(context, 5, {columns}));
    const Tensor bias = widened(context.tensor(5));
    for (int64_t i = 0; i < sums.count(); ++i) sums.data<double>()[i] += bias.data<double>()[i % columns];
  }
  context.set_output(0, scaled_sums(sums, scale, std::max(sums.rank() - 1, 0)));
  return ok_status();
}

}  // namespace quantized_matmul_impl

OpDef define_quantized_matmul() {
  OpDef op("QuantizedMatMul", 1, "sinter");
  op.input("A", "T1")
      .input("B", "T2")
      .input("scale", "F32")
      .input("a_zero", "T1", ParamKind::kOptional)
      .input("b_zero", "T2", ParamKind::kOptional)
      .input("bias", "I32", ParamKind::kOptional)
      .output("Y", "F32")
      .type("T1", dtype_set(DType::kU8, DType::kI8))
      .type("T2", dtype_set(DType::kU8, DType::kI8))
      .type("F32", dtype_set(DType::kF32))
      .type("I32", dtype_set(DType::kI32));
  op.infer = quantized_matmul_impl::infer;
  op.evaluate = quantized_matmul_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
