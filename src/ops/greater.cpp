// Greater: c = (a > b) with numpy broadcasting. False when an operand is NaN.
#include "ops/ordering.h"

namespace sinter::ops {
namespace greater_impl {

Status evaluate(EvalContext& context) {
  return map_compare(context, [](auto a, auto b) { return a > b; });
}

}  // namespace greater_impl

OpDef define_greater() {
  OpDef op = ordering_op("Greater", 7);
  op.evaluate = greater_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kGreater>;
  return op;
}

}  // namespace sinter::ops
