// ReduceMin: the smallest element along the axes, NaN when there is one; the type's highest value (an infinity for
// floats) for none.
#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_min_impl {

Status infer(InferContext& context) {
  return infer_reduce(context, [](const Dim& a, const Dim& b) { return min(a, b); });
}

Status evaluate(EvalContext& context) { return reduce_extreme(context, false); }

}  // namespace reduce_min_impl

OpDef define_reduce_min() {
  OpDef op = reduce_op("ReduceMin", 18, kReduceTypes | kBoolType | dtype_set(DType::kU8, DType::kI8));
  op.infer = reduce_min_impl::infer;
  op.evaluate = reduce_min_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
