// And: true where both are true; bool tensors with numpy broadcasting.
#include "ops/logical.h"

namespace sinter::ops {
namespace and_impl {

Status evaluate(EvalContext& context) {
  return map_logical(context, [](bool a, bool b) { return a && b; });
}

}  // namespace and_impl

OpDef define_and() {
  OpDef op = logical_op("And");
  op.evaluate = and_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAnd>;
  return op;
}

}  // namespace sinter::ops
