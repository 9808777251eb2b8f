// Cosh: y = cosh(x).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace cosh_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::cosh(x); });
}

}  // namespace cosh_impl

OpDef define_cosh() {
  OpDef op("Cosh", 9);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = cosh_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kCosh>;
  return op;
}
}  // namespace sinter::ops
