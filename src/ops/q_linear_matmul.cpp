// QLinearMatMul: y = saturate(round_half_even((a - a_zero)·(b - b_zero) · a_scale·b_scale/y_scale) + y_zero). Scales
// and zero points are one value, one a row of A, or one a column of B.
#include "ops/elementwise.h"
#include "ops/matmul_shape.h"
#include "ops/quantized.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace q_linear_matmul_impl {

// One value, or one a row of A or a column of B.
Status check_operand(const InferContext& context, int operand, bool rows) {
  const Shape* shape = context.input_shape(operand);
  if (!shape) return ok_status();
  const Dim lines = shape->size() < 2 ? Dim(1) : (*shape)[shape->size() - (rows ? 2 : 1)];
  // With the operand's own rank each matrix may have lines of its own.
  for (const int input : {operand + 1, operand + 2}) {
    const Shape* given = context.input_shape(input);
    if (given && given->size() <= 1) SINTER_TRY(check_one_or(context, input, lines, input == operand + 1 ? "the scale" : "the zero point"));
  }
  return ok_status();
}

Status infer(InferContext& context) {
  SINTER_TRY(check_operand(context, 0, true));
  SINTER_TRY(check_operand(context, 3, false));
  SINTER_TRY(check_one_or(context, 6, 1, "the result's scale"));
  SINTER_TRY(check_one_or(context, 7, 1, "the result's zero point"));
  return infer_matmul(context, 0, 3, input_dtype(context, 7));
}

// (value - zero point) · scale; the scale is laid out as the zero point is.
Status dequantize(const EvalContext& context, int first, bool rows, Tensor& out) {
  const int rank = context.tensor(first).rank();
  const int axis = rank < 2 ? -1 : rows ? rank - 2 : rank - 1;
  SINTER_ASSIGN(out, centred(context, first, first + 2, axis));
  const Tensor& scale = context.tensor(first + 1);
  if (scale.count() == 0) return context.error("a scale is empty: expected one value or one a row; correct the model");
  const std::vector<double> scales = scale.to_f64();
  const int64_t count = static_cast<int64_t>(scales.size());
  if (count != 1 && (axis < 0 || scale.rank() > 1 || count != out.dim(axis)))
    return context.error(
        fmt::format("the scale {} does not fit the operand {}: expected one value or one a {}; correct the model",
                    to_string(scale.dims()), to_string(out.dims()), rows ? "row" : "column"));
  Tensor scaled(DType::kF64, out.dims());
  const int64_t inner = count == 1 ? std::max<int64_t>(1, out.count()) : product(out.dims(), axis + 1);
  for (int64_t i = 0; i < out.count(); ++i)
    scaled.data<double>()[i] = out.data<double>()[i] * scales[count == 1 ? 0 : i / inner % count];
  out = scaled;
  return ok_status();
}

Status evaluate(EvalContext& context) {
  Tensor a, b;
  SINTER_TRY(dequantize(context, 0, true, a));
  SINTER_TRY(dequantize(context, 3, false, b));
  SINTER_ASSIGN(const Tensor y, at_node(context, matmul_f64(a, b)));
  SINTER_ASSIGN(const std::vector<double> y_scale, read_scales(context, 6, 1));
  return requantize(context, 0, y, {1.0 / y_scale[0]}, 0, 7);
}

}  // namespace q_linear_matmul_impl

OpDef define_q_linear_matmul() {
  OpDef op("QLinearMatMul", 10);
  const DTypeSet quantized = dtype_set(DType::kU8, DType::kI8) | (kFloat8Types & ~dtype_set(DType::kF8E8M0));
  op.input("a", "T1")
      .input("a_scale", "TS")
      .input("a_zero_point", "T1")
      .input("b", "T2")
      .input("b_scale", "TS")
      .input("b_zero_point", "T2")
      .input("y_scale", "TS")
      .input("y_zero_point", "T3")
      .output("y", "T3")
      .type("TS", dtype_set(DType::kF32, DType::kF16, DType::kBF16))
      .type("T1", quantized)
      .type("T2", quantized)
      .type("T3", quantized);
  op.infer = q_linear_matmul_impl::infer;
  op.evaluate = q_linear_matmul_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
