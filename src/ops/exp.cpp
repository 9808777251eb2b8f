// Exp: y = e^x.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace exp_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::exp(x); });
}

}  // namespace exp_impl

OpDef define_exp() {
  OpDef op("Exp", 6);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = exp_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kExp>;
  return op;
}
}  // namespace sinter::ops
