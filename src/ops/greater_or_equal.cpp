// GreaterOrEqual: c = (a >= b) with numpy broadcasting. False when an operand is NaN.
#include "ops/ordering.h"

namespace sinter::ops {
namespace greater_or_equal_impl {

Status evaluate(EvalContext& context) {
  return map_compare(context, [](auto a, auto b) { return a >= b; });
}

}  // namespace greater_or_equal_impl

OpDef define_greater_or_equal() {
  OpDef op = ordering_op("GreaterOrEqual", 12);
  op.evaluate = greater_or_equal_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kGreaterEqual>;
  return op;
}

}  // namespace sinter::ops
