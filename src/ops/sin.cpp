// Sin: y = sin(x), x in radians; NaN for infinities.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sin_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::sin(x); });
}

}  // namespace sin_impl

OpDef define_sin() {
  OpDef op("Sin", 7);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = sin_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kSin>;
  return op;
}
}  // namespace sinter::ops
