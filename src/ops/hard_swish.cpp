// HardSwish: y = x * max(0, min(1, x/6 + 1/2)). NaN stays NaN.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace hard_swish_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return x * (x <= -3 ? 0 : x >= 3 ? 1 : x / 6 + decltype(x){0.5}); });
}

}  // namespace hard_swish_impl

OpDef define_hard_swish() {
  OpDef op("HardSwish", 14);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = hard_swish_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kHardSwish>;
  return op;
}
}  // namespace sinter::ops
