// Normalizer: each row divided by its largest element (MAX), by the sum of magnitudes (L1), or by its length (L2), as f32. A row whose divisor
// is zero stays as it is.
#include <algorithm>
#include <cmath>

#include "ops/classic_ml.h"

namespace sinter::ops {
namespace normalizer_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const Shape* x = context.input_shape(0);
  context.set_output(0, ValueType::tensor(DType::kF32, x ? std::optional<Shape>(*x) : std::nullopt));
  return ok_status();
}

double divisor(const std::string& norm, const double* x, int64_t count) {
  double result = norm == "MAX" ? *std::max_element(x, x + count) : 0;
  for (int64_t i = 0; i < count; ++i) {
    if (norm == "L1") result += std::fabs(x[i]);
    if (norm == "L2") result += x[i] * x[i];
  }
  return norm == "L2" ? std::sqrt(result) : result;
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const std::string& norm = context.attributes().s("norm");
  if (norm != "MAX" && norm != "L1" && norm != "L2")
    return context.error(fmt::format("norm is '{}': expected MAX, L1 or L2; correct the model", norm));
  const Tensor x = widened(context.tensor(0));
  const Rows rows = rows_of(x);
  float* y = context.allocate(0, DType::kF32, x.dims()).data<float>();
  if (rows.features == 0) return ok_status();
  for (int64_t r = 0; r < rows.count; ++r) {
    const double* row = x.data<double>() + r * rows.features;
    const double by = divisor(norm, row, rows.features);
    for (int64_t i = 0; i < rows.features; ++i) y[r * rows.features + i] = static_cast<float>(by == 0 ? row[i] : row[i] / by);
  }
  return ok_status();
}

}  // namespace normalizer_impl

OpDef define_normalizer() {
  OpDef op("Normalizer", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "Y").type("T", kFeatureTypes).type("Y", dtype_bit(DType::kF32)).attr("norm", std::string("MAX"));
  op.infer = normalizer_impl::infer;
  op.evaluate = normalizer_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
