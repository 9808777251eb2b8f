// Acosh: y = arcosh(x); NaN below 1.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace acosh_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::acosh(x); });
}

}  // namespace acosh_impl

OpDef define_acosh() {
  OpDef op("Acosh", 9);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = acosh_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAcosh>;
  return op;
}
}  // namespace sinter::ops
