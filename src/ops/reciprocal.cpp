// Reciprocal: y = 1/x; infinite at 0.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reciprocal_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return 1 / x; });
}

}  // namespace reciprocal_impl

OpDef define_reciprocal() {
  OpDef op("Reciprocal", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = reciprocal_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kReciprocal>;
  return op;
}
}  // namespace sinter::ops
