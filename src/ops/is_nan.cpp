// IsNaN: true where the element is not a number.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace is_nan_impl {

Status infer(InferContext& context) {
  ValueType type = context.input_type(0);
  context.set_output(0, ValueType::tensor(DType::kBool, std::move(type.shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Tensor& x = context.tensor(0);
  const auto test = [](auto v) { return std::isnan(v); };
  const bool known =
      visit_float(x.dtype(), [&]<typename T>(TypeTag<T>) { map_unary<bool, T>(context, DType::kBool, test); });
  if (known) return ok_status();
  if (!contains(kFloat8Types, x.dtype())) return unsupported_dtype(context, 0);
  Tensor& y = context.allocate(0, DType::kBool, x.dims());
  for (int64_t i = 0; i < x.count(); ++i)
    y.data<bool>()[i] = test(small_float_to_float(x.dtype(), x.data<uint8_t>()[i]));
  return ok_status();
}

}  // namespace is_nan_impl

OpDef define_is_nan() {
  OpDef op("IsNaN", 9);
  op.input("X", "T1")
      .output("Y", "T2")
      .type("T1", kFloatTypes | dtype_set(DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ))
      .type("T2", kBoolType)
      .fact(kElementwise);
  op.infer = is_nan_impl::infer;
  op.evaluate = is_nan_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kIsNan>;
  return op;
}

}  // namespace sinter::ops
