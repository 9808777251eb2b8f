// Erf: y = 2/sqrt(pi) times the integral of exp(-t*t) from 0 to x.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace erf_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::erf(x); });
}

}  // namespace erf_impl

OpDef define_erf() {
  OpDef op("Erf", 9);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = erf_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kErf>;
  return op;
}
}  // namespace sinter::ops
