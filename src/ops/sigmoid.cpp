// Sigmoid: y = 1 / (1 + exp(-x)), written so that exp never overflows.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sigmoid_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); });
}

}  // namespace sigmoid_impl

OpDef define_sigmoid() {
  OpDef op("Sigmoid", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = sigmoid_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kSigmoid>;
  return op;
}
}  // namespace sinter::ops
