// ReduceMax: the largest element along the axes, NaN when there is one; the type's lowest value (an infinity for
// floats) for none.
#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_max_impl {

Status infer(InferContext& context) {
  return infer_reduce(context, [](const Dim& a, const Dim& b) { return max(a, b); });
}

Status evaluate(EvalContext& context) { return reduce_extreme(context, true); }

}  // namespace reduce_max_impl

OpDef define_reduce_max() {
  OpDef op = reduce_op("ReduceMax", 18, kReduceTypes | kBoolType | dtype_set(DType::kU8, DType::kI8));
  op.infer = reduce_max_impl::infer;
  op.evaluate = reduce_max_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
