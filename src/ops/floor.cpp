// Floor: y = the largest integer <= x. NaN, infinities and integers (-0 too) stay as they are.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace floor_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::floor(x); });
}

}  // namespace floor_impl

OpDef define_floor() {
  OpDef op("Floor", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = floor_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kFloor>;
  return op;
}
}  // namespace sinter::ops
