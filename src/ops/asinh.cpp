// Asinh: y = arsinh(x).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace asinh_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::asinh(x); });
}

}  // namespace asinh_impl

OpDef define_asinh() {
  OpDef op("Asinh", 9);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = asinh_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAsinh>;
  return op;
}
}  // namespace sinter::ops
