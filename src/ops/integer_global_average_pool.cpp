// sinter.IntegerGlobalAveragePool: the mean of every plane of 8-bit integers, from their exact sum over n pixels (made by fuse_quantized_pool):
//   y = float(Σ x - n·x_zero) · (x_scale / n), or, where y_zero is given, saturate(round(float(Σ x - n·x_zero) · (x_scale / (y_scale · n))) + y_zero)
// in f32, halves to even; shape [N, C, 1…].
#include <cmath>

#include "ops/elementwise.h"
#include "ops/quantized.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace integer_global_average_pool_impl {

Status infer(InferContext& context) {
  for (const int input : {1, 2, 3, 4}) {
    if (context.has_input(input)) SINTER_TRY(check_one_or(context, input, 1, input % 2 != 0 ? "the scale" : "the zero point"));
  }
  if (context.has_input(3) != context.has_input(4)) return context.error("one of y_scale and y_zero is missing: expected both or none; correct the model");
  std::optional<Shape> shape;
  if (const Shape* input = context.input_shape(0)) {
    SINTER_TRY(check_rank(context, 0, 3, 1 << 20));
    shape = Shape(input->size(), Dim(1));
    (*shape)[0] = (*input)[0];
    (*shape)[1] = (*input)[1];
  }
  context.set_output(0, ValueType::tensor(context.has_input(4) ? input_dtype(context, 4) : DType::kF32, std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 3, 1 << 20));
  SINTER_ASSIGN(const Tensor x, centred(context, 0, 2, -1));
  Dims dims(static_cast<size_t>(x.rank()), 1);
  dims[0] = x.dim(0);
  dims[1] = x.dim(1);
  const int64_t pixels = product(x.dims(), 2);
  const bool quantizes = context.has_input(4);
  const auto number = [&](int input) { return static_cast<float>(context.tensor(input).to_f64()[0]); };
  const float factor = number(1) / (quantizes ? number(3) * static_cast<float>(pixels) : static_cast<float>(pixels));
  const DType dtype = quantizes ? context.tensor(4).dtype() : DType::kF32;
  Tensor y(DType::kF64, dims);
  for (int64_t i = 0; i < y.count(); ++i) {
    double sum = 0;
    for (int64_t p = 0; p < pixels; ++p) sum += x.data<double>()[i * pixels + p];
    const float mean = static_cast<float>(sum) * factor;
    y.data<double>()[i] = quantizes ? saturate_to(dtype, std::nearbyint(mean) + number(4)) : mean;
  }
  store(context, 0, dtype, y);
  return ok_status();
}

}  // namespace integer_global_average_pool_impl

OpDef define_integer_global_average_pool() {
  OpDef op("IntegerGlobalAveragePool", 1, "sinter");
  op.input("X", "T1")
      .input("x_scale", "F32")
      .input("x_zero", "T1", ParamKind::kOptional)
      .input("y_scale", "F32", ParamKind::kOptional)
      .input("y_zero", "T2", ParamKind::kOptional)
      .output("Y", "T3")
      .type("T1", dtype_set(DType::kU8, DType::kI8))
      .type("T2", dtype_set(DType::kU8, DType::kI8))
      .type("T3", dtype_set(DType::kF32, DType::kU8, DType::kI8))
      .type("F32", dtype_set(DType::kF32));
  op.infer = integer_global_average_pool_impl::infer;
  op.evaluate = integer_global_average_pool_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
