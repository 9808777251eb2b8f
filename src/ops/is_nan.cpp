// IsNaN: true where the element is not a number.
#include "ops/float_test.h"

namespace sinter::ops {
namespace is_nan_impl {

Status evaluate(EvalContext& context) {
  return map_float_test(context, [](auto v) { return std::isnan(v); });
}

}  // namespace is_nan_impl

OpDef define_is_nan() {
  OpDef op("IsNaN", 9);
  op.input("X", "T1").output("Y", "T2").type("T1", kFloatTestTypes).type("T2", kBoolType).fact(kElementwise);
  op.infer = infer_float_test;
  op.evaluate = is_nan_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kIsNan>;
  return op;
}

}  // namespace sinter::ops
