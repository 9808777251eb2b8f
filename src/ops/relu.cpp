// Relu: y = max(x, 0). NaN stays NaN; -0 becomes 0.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace relu_impl {

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  const auto relu = [](auto x) { return x <= 0 ? decltype(x){0} : x; };
  const bool known = visit_float(dtype, [&]<typename T>(TypeTag<T>) { map_unary<T, T>(context, dtype, relu); }) ||
                     visit_integer(dtype, [&]<typename T>(TypeTag<T>) { map_unary<T, T>(context, dtype, relu); });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace relu_impl

OpDef define_relu() {
  OpDef op("Relu", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes | kSignedTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = relu_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kRelu>;
  return op;
}

}  // namespace sinter::ops
