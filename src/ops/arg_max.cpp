// ArgMax: the index of the largest element along an axis, the first of equals or the last with select_last_index. The
// first NaN wins.
#include "ops/arg_reduce.h"

namespace sinter::ops {
namespace arg_max_impl {

Status evaluate(EvalContext& context) { return evaluate_arg_reduce(context, true); }

}  // namespace arg_max_impl

OpDef define_arg_max() {
  OpDef op = arg_reduce_op("ArgMax");
  op.evaluate = arg_max_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
