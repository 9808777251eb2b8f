// Tan: y = tan(x), x in radians; NaN for infinities.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace tan_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::tan(x); });
}

}  // namespace tan_impl

OpDef define_tan() {
  OpDef op("Tan", 7);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = tan_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kTan>;
  return op;
}
}  // namespace sinter::ops
