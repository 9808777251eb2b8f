// Atan: y = arctan(x) in radians.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace atan_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::atan(x); });
}

}  // namespace atan_impl

OpDef define_atan() {
  OpDef op("Atan", 7);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = atan_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAtan>;
  return op;
}
}  // namespace sinter::ops
