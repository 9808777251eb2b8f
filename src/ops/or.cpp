// Or: true where one or both are true; bool tensors with numpy broadcasting.
#include "ops/logical.h"

namespace sinter::ops {
namespace or_impl {

Status evaluate(EvalContext& context) {
  return map_logical(context, [](bool a, bool b) { return a || b; });
}

}  // namespace or_impl

OpDef define_or() {
  OpDef op = logical_op("Or");
  op.evaluate = or_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kOr>;
  return op;
}

}  // namespace sinter::ops
