// Xor: true where exactly one is true; bool tensors with numpy broadcasting.
#include "ops/logical.h"

namespace sinter::ops {
namespace xor_impl {

Status evaluate(EvalContext& context) {
  return map_logical(context, [](bool a, bool b) { return a != b; });
}

}  // namespace xor_impl

OpDef define_xor() {
  OpDef op = logical_op("Xor");
  op.evaluate = xor_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kXor>;
  return op;
}

}  // namespace sinter::ops
