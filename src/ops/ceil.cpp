// Ceil: y = the smallest integer >= x. NaN, infinities and integers (-0 too) stay as they are.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace ceil_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::ceil(x); });
}

}  // namespace ceil_impl

OpDef define_ceil() {
  OpDef op("Ceil", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = ceil_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kCeil>;
  return op;
}
}  // namespace sinter::ops
