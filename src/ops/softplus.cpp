// Softplus: y = ln(1 + exp(x)), written so that exp never overflows.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace softplus_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); });
}

}  // namespace softplus_impl

OpDef define_softplus() {
  OpDef op("Softplus", 1);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = softplus_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kSoftplus>;
  return op;
}
}  // namespace sinter::ops
