// Sinh: y = sinh(x).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sinh_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::sinh(x); });
}

}  // namespace sinh_impl

OpDef define_sinh() {
  OpDef op("Sinh", 9);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = sinh_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kSinh>;
  return op;
}
}  // namespace sinter::ops
