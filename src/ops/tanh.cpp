// Tanh: y = tanh(x).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace tanh_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::tanh(x); });
}

}  // namespace tanh_impl

OpDef define_tanh() {
  OpDef op("Tanh", 6);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = tanh_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kTanh>;
  return op;
}
}  // namespace sinter::ops
