// Cos: y = cos(x), x in radians; NaN for infinities.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace cos_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::cos(x); });
}

}  // namespace cos_impl

OpDef define_cos() {
  OpDef op("Cos", 7);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = cos_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kCos>;
  return op;
}
}  // namespace sinter::ops
