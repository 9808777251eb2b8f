// ReduceLogSum: the logarithm of the sum along the axes; -infinity for none. Integers (opsets before 28) are truncated,
// non-finite ones become 0.
#include <cmath>

#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_log_sum_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, x); }
  A result(int64_t) const { return from_real<A>(std::log(static_cast<double>(sum))); }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_log_sum_impl

OpDef define_reduce_log_sum() {
  OpDef op = reduce_op("ReduceLogSum");
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_log_sum_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
