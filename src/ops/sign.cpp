// Sign: 1 for x > 0, -1 for x < 0, 0 for ±0. NaN stays NaN.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sign_impl {

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  const auto sign = [](auto x) {
    using T = decltype(x);
    return x > 0 ? T(1) : x < 0 ? T(-1) : x == 0 ? T(0) : x;
  };
  const bool known = visit_numeric(dtype, [&]<typename T>(TypeTag<T>) { map_unary<T, T>(context, dtype, sign); });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace sign_impl

OpDef define_sign() {
  OpDef op("Sign", 9);
  op.input("input", "T").output("output", "T").type("T", kNumericTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = sign_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kSign>;
  return op;
}

}  // namespace sinter::ops
