// ReduceSum: the sum of the elements along the axes; 0 for none.
#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_sum_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, x); }
  A result(int64_t) const { return sum; }
};

Status infer(InferContext& context) {
  return infer_reduce(context, [](const Dim& a, const Dim& b) { return a + b; });
}

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_sum_impl

OpDef define_reduce_sum() {
  OpDef op = reduce_op("ReduceSum", 13);
  op.infer = reduce_sum_impl::infer;
  op.evaluate = reduce_sum_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
