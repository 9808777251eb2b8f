// MatMulInteger: numpy's matmul of 8-bit integers minus their zero points, result i32. A zero point is one value, one a
// row of A or one a column of B.
#include "ops/matmul_shape.h"
#include "ops/quantized.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace matmul_integer_impl {

Status infer(InferContext& context) { return infer_matmul(context, 0, 1, DType::kI32); }

Status evaluate(EvalContext& context) {
  const int rank_a = context.tensor(0).rank(), rank_b = context.tensor(1).rank();
  SINTER_ASSIGN(const Tensor a, centred(context, 0, 2, rank_a >= 2 ? rank_a - 2 : -1));
  SINTER_ASSIGN(const Tensor b, centred(context, 1, 3, rank_b >= 2 ? rank_b - 1 : -1));
  SINTER_ASSIGN(const Tensor y, at_node(context, matmul_f64(a, b)));
  store(context, 0, DType::kI32, y);
  return ok_status();
}

}  // namespace matmul_integer_impl

OpDef define_matmul_integer() {
  OpDef op("MatMulInteger", 10);
  op.input("A", "T1")
      .input("B", "T2")
      .input("a_zero_point", "T1", ParamKind::kOptional)
      .input("b_zero_point", "T2", ParamKind::kOptional)
      .output("Y", "T3")
      .type("T1", dtype_set(DType::kU8, DType::kI8))
      .type("T2", dtype_set(DType::kU8, DType::kI8))
      .type("T3", dtype_set(DType::kI32));
  op.infer = matmul_integer_impl::infer;
  op.evaluate = matmul_integer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
