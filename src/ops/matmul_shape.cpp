// Shapes and batches of numpy's matmul.
#include "ops/matmul_shape.h"

#include "ops/elementwise.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {

Result<Shape> matmul_shape(const Shape& a, const Shape& b) {
  if (a.empty() || b.empty())
    return make_error(Code::kInvalidModel,
                      "the operands are {} and {}: expected ranks of at least 1; use Mul for scalars", to_string(a),
                      to_string(b));
  const Dim &left = a.back(), &right = b.size() == 1 ? b[0] : b[b.size() - 2];
  if (decide_equal(left, right) == false)
    return make_error(Code::kInvalidModel,
                      "the operands are {} and {}: the last dim of the first, {}, must equal the second's {}; "
                      "check the exporter or transpose an operand",
                      to_string(a), to_string(b), left.to_string(), right.to_string());
  const Shape batch_a(a.begin(), a.end() - (a.size() > 1 ? 2 : 1)),
      batch_b(b.begin(), b.end() - (b.size() > 1 ? 2 : 1));
  SINTER_ASSIGN(Shape shape, broadcast(batch_a, batch_b));
  if (a.size() > 1) shape.push_back(a[a.size() - 2]);
  if (b.size() > 1) shape.push_back(b.back());
  return shape;
}

Status infer_matmul(InferContext& context, int a, int b, DType dtype) {
  std::optional<Shape> shape;
  if (context.input_shape(a) && context.input_shape(b)) {
    SINTER_ASSIGN(shape, at_node(context, matmul_shape(*context.input_shape(a), *context.input_shape(b))));
  }
  context.set_output(0, ValueType::tensor(dtype, std::move(shape)));
  return ok_status();
}

void for_each_matmul(const Dims& a, const Dims& b, const MatmulFn& product_of) {
  const int64_t m = a.size() > 1 ? a[a.size() - 2] : 1, k = a.back(), n = b.size() > 1 ? b.back() : 1;
  // Batches are broadcast as if each matrix were one element.
  const Dims batch_a(a.begin(), a.end() - (a.size() > 1 ? 2 : 1)), batch_b(b.begin(), b.end() - (b.size() > 1 ? 2 : 1));
  const auto plan = BroadcastPlan::make({batch_a, batch_b});
  if (!plan.ok()) return;
  plan.value().for_each_run([&](int64_t at, const int64_t* offsets) {
    for (int64_t i = 0; i < plan.value().run(); ++i)
      product_of((offsets[0] + i * plan.value().run_stride(0)) * m * k,
                 (offsets[1] + i * plan.value().run_stride(1)) * k * n, (at + i) * m * n, m, k, n);
  });
}

Result<Tensor> matmul_f64(const Tensor& a, const Tensor& b) {
  SINTER_ASSIGN(const Shape shape, matmul_shape(to_shape(a.dims()), to_shape(b.dims())));
  const Dims dims = *constant_dims(shape);
  if (!checked_count(dims))
    return make_error(Code::kOutOfMemory, "the output would be {}: too large; correct the model or its inputs",
                      to_string(dims));
  Tensor y(DType::kF64, dims);
  for_each_matmul(a.dims(), b.dims(), [&](int64_t at_a, int64_t at_b, int64_t at_c, int64_t m, int64_t k, int64_t n) {
    multiply({&a, at_a, k, 1}, {&b, at_b, n, 1}, m, k, n, y.data<double>() + at_c);
  });
  return y;
}

}  // namespace sinter::ops
