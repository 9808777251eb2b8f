// Mish: y = x * tanh(ln(1 + exp(x))).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace mish_impl {

Status evaluate(EvalContext& context) {
  return map_float(
      context, [](auto x) { return x * std::tanh(x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x))); });
}

}  // namespace mish_impl

OpDef define_mish() {
  OpDef op("Mish", 18);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = mish_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kMish>;
  return op;
}
}  // namespace sinter::ops
