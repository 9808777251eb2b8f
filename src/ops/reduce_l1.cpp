// ReduceL1: the sum of absolute values along the axes; 0 for none.
#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_l1_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, x < 0 ? wrapping_mul(x, static_cast<A>(-1)) : x); }
  A result(int64_t) const { return sum; }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_l1_impl

OpDef define_reduce_l1() {
  OpDef op = reduce_op("ReduceL1");
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_l1_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
