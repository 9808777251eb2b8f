// Softsign: y = x / (1 + |x|).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace softsign_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return x / (1 + std::abs(x)); });
}

}  // namespace softsign_impl

OpDef define_softsign() {
  OpDef op("Softsign", 1);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = softsign_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kSoftsign>;
  return op;
}
}  // namespace sinter::ops
