// Atanh: y = artanh(x); infinite at ±1, NaN beyond.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace atanh_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::atanh(x); });
}

}  // namespace atanh_impl

OpDef define_atanh() {
  OpDef op("Atanh", 9);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = atanh_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAtanh>;
  return op;
}
}  // namespace sinter::ops
