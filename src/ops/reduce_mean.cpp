// ReduceMean: the mean of the elements along the axes, truncated for integers; NaN (integers: 0) for none.
#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_mean_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, x); }
  A result(int64_t count) const {
    if constexpr (std::is_integral_v<A>)
      return count == 0 ? A{0} : static_cast<A>(sum / static_cast<A>(count));
    else
      return sum / static_cast<A>(count);
  }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_mean_impl

OpDef define_reduce_mean() {
  OpDef op = reduce_op("ReduceMean");
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_mean_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
