// ReduceSumSquare: the sum of squares along the axes; 0 for none.
#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_sum_square_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, wrapping_mul(x, x)); }
  A result(int64_t) const { return sum; }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_sum_square_impl

OpDef define_reduce_sum_square() {
  OpDef op = reduce_op("ReduceSumSquare");
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_sum_square_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
