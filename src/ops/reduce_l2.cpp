// ReduceL2: the square root of the sum of squares along the axes (truncated for integers); 0 for none.
#include <cmath>

#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_l2_impl {

template <typename A>
struct Reducer {
  double sum = 0;
  void add(A x) { sum += static_cast<double>(x) * static_cast<double>(x); }
  A result(int64_t) const { return static_cast<A>(std::sqrt(sum)); }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_l2_impl

OpDef define_reduce_l2() {
  OpDef op = reduce_op("ReduceL2");
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_l2_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
