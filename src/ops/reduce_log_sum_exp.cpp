// ReduceLogSumExp: ln(sum(exp(x))) along the axes, shifted by the maximum so that exp never overflows; -infinity for
// none. Integers (opsets before 28) are truncated, non-finite results become 0.
#include <cmath>
#include <limits>

#include "ops/reduce.h"

namespace sinter::ops {
namespace reduce_log_sum_exp_impl {

template <typename A>
struct Reducer {
  // exp(x - max), rescaled whenever a new maximum comes.
  double max = -std::numeric_limits<double>::infinity(), sum = 0;
  void add(A x) {
    const double value = static_cast<double>(x);
    if (value == max) {
      sum += 1;  // also when both are infinite, where the difference would be NaN
    } else if (value > max) {
      sum = sum * std::exp(max - value) + 1;
      max = value;
    } else {
      sum += std::exp(value - max);  // NaN comes here
    }
  }
  A result(int64_t) const { return from_real<A>(max + std::log(sum)); }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_log_sum_exp_impl

OpDef define_reduce_log_sum_exp() {
  OpDef op = reduce_op("ReduceLogSumExp");
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_log_sum_exp_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
