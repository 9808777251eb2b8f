// Det: the determinants of the matrices in the last two axes, by LU decomposition with partial pivoting in double.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace det_impl {

Status infer(InferContext& context) {
  const Shape* input = context.input_shape(0);
  std::optional<Shape> output;
  if (input) {
    const size_t rank = input->size();
    const bool square = rank >= 2 && !((*input)[rank - 1].is_constant() && (*input)[rank - 2].is_constant() &&
                                       !((*input)[rank - 1] == (*input)[rank - 2]));
    if (!square)
      return context.error(
          fmt::format("the input is {}: expected square matrices; correct the model", to_string(*input)));
    output = Shape(input->begin(), input->end() - 2);
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(output)));
  return ok_status();
}

double determinant(double* m, int64_t n) {
  double result = 1;
  for (int64_t k = 0; k < n; ++k) {
    int64_t pivot = k;
    for (int64_t i = k + 1; i < n; ++i)
      if (std::abs(m[i * n + k]) > std::abs(m[pivot * n + k])) pivot = i;
    if (m[pivot * n + k] == 0) return 0;
    if (pivot != k) {
      std::swap_ranges(m + k * n, m + (k + 1) * n, m + pivot * n);
      result = -result;
    }
    result *= m[k * n + k];
    for (int64_t i = k + 1; i < n; ++i) {
      const double factor = m[i * n + k] / m[k * n + k];
      for (int64_t j = k; j < n; ++j) m[i * n + j] -= factor * m[k * n + j];
    }
  }
  return result;
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  if (x.rank() < 2 || x.dim(-1) != x.dim(-2))
    return context.error(
        fmt::format("the input is {}: expected square matrices; correct the model", to_string(x.dims())));
  const int64_t n = x.dim(-1);
  std::vector<double> values = x.to_f64();
  const Dims dims(x.dims().begin(), x.dims().end() - 2);
  const bool known = visit_float(x.dtype(), [&]<typename T>(TypeTag<T>) {
    Tensor& y = context.allocate(0, x.dtype(), dims);
    for (int64_t i = 0; i < y.count(); ++i) y.data<T>()[i] = static_cast<T>(determinant(values.data() + i * n * n, n));
  });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace det_impl

OpDef define_det() {
  OpDef op("Det", 11);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes);
  op.infer = det_impl::infer;
  op.evaluate = det_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
