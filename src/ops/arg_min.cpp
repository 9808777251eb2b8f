// ArgMin: the index of the smallest element along an axis, the first of equals or the last with select_last_index. The
// first NaN wins.
#include "ops/arg_reduce.h"

namespace sinter::ops {
namespace arg_min_impl {

Status evaluate(EvalContext& context) { return evaluate_arg_reduce(context, false); }

}  // namespace arg_min_impl

OpDef define_arg_min() {
  OpDef op = arg_reduce_op("ArgMin");
  op.evaluate = arg_min_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
