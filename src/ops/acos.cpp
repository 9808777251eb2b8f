// Acos: y = arccos(x) in radians; NaN outside [-1, 1].
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace acos_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::acos(x); });
}

}  // namespace acos_impl

OpDef define_acos() {
  OpDef op("Acos", 7);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = acos_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAcos>;
  return op;
}
}  // namespace sinter::ops
