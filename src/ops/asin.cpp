// Asin: y = arcsin(x) in radians; NaN outside [-1, 1].
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace asin_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::asin(x); });
}

}  // namespace asin_impl

OpDef define_asin() {
  OpDef op("Asin", 7);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = asin_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAsin>;
  return op;
}
}  // namespace sinter::ops
