// Less: c = (a < b) with numpy broadcasting. False when an operand is NaN.
#include "ops/ordering.h"

namespace sinter::ops {
namespace less_impl {

Status evaluate(EvalContext& context) {
  return map_compare(context, [](auto a, auto b) { return a < b; });
}

}  // namespace less_impl

OpDef define_less() {
  OpDef op = ordering_op("Less", 7);
  op.evaluate = less_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kLess>;
  return op;
}

}  // namespace sinter::ops
