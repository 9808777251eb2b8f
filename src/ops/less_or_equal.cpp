// LessOrEqual: c = (a <= b) with numpy broadcasting. False when an operand is NaN.
#include "ops/ordering.h"

namespace sinter::ops {
namespace less_or_equal_impl {

Status evaluate(EvalContext& context) {
  return map_compare(context, [](auto a, auto b) { return a <= b; });
}

}  // namespace less_or_equal_impl

OpDef define_less_or_equal() {
  OpDef op = ordering_op("LessOrEqual", 12);
  op.evaluate = less_or_equal_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kLessEqual>;
  return op;
}

}  // namespace sinter::ops
