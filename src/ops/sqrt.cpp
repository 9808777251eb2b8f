// Sqrt: y = the square root; NaN below 0.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sqrt_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::sqrt(x); });
}

}  // namespace sqrt_impl

OpDef define_sqrt() {
  OpDef op("Sqrt", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = sqrt_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kSqrt>;
  return op;
}
}  // namespace sinter::ops
