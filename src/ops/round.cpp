// Round: y = the nearest integer, halves to even. NaN, infinities and -0 stay as they are.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace round_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::nearbyint(x); });
}

}  // namespace round_impl

OpDef define_round() {
  OpDef op("Round", 11);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = round_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kRound>;
  return op;
}
}  // namespace sinter::ops
