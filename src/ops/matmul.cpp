// MatMul: numpy's matmul. Floats accumulate in double, integers wrap around.
#include <algorithm>

#include "ops/indexing.h"
#include "ops/matmul_shape.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace matmul_impl {

Status infer(InferContext& context) { return infer_matmul(context, 0, 1, input_dtype(context, 0)); }

// Wrapping products depend on the low bits only, so unsigned serves both signs.
template <typename T>
void multiply_integers(const Tensor& a, const Tensor& b, Tensor& y) {
  std::fill_n(y.data<T>(), y.count(), T{0});
  for_each_matmul(a.dims(), b.dims(), [&](int64_t at_a, int64_t at_b, int64_t at_c, int64_t m, int64_t k, int64_t n) {
    for (int64_t i = 0; i < m; ++i)
      for (int64_t p = 0; p < k; ++p) {
        const T left = a.data<T>()[at_a + i * k + p];
        const T* row = b.data<T>() + at_b + p * n;
        T* out = y.data<T>() + at_c + i * n;
        for (int64_t j = 0; j < n; ++j) out[j] += left * row[j];
      }
  });
}

Status evaluate(EvalContext& context) {
  const Tensor &a = context.tensor(0), &b = context.tensor(1);
  if (is_float(a.dtype())) {
    SINTER_ASSIGN(const Tensor y, at_node(context, matmul_f64(multiplicand(a), multiplicand(b))));
    store(context, 0, a.dtype(), y);
    return ok_status();
  }
  SINTER_ASSIGN(const Shape shape, at_node(context, matmul_shape(to_shape(a.dims()), to_shape(b.dims()))));
  const Dims dims = *constant_dims(shape);
  SINTER_TRY(check_output_dims(context, dims));
  Tensor& y = context.allocate(0, a.dtype(), dims);
  if (dtype_bits(a.dtype()) == 32)
    multiply_integers<uint32_t>(a, b, y);
  else
    multiply_integers<uint64_t>(a, b, y);
  return ok_status();
}

}  // namespace matmul_impl

OpDef define_matmul() {
  OpDef op("MatMul", 1);
  op.input("A", "T").input("B", "T").output("Y", "T").type(
      "T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64));
  op.infer = matmul_impl::infer;
  op.evaluate = matmul_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
