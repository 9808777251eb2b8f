// ArgMax: the index of the largest element along an axis, the first of equals or the last with select_last_index. The
// first NaN wins.
#include "ops/arg_reduce.h"

namespace sinter::ops {
namespace arg_max_impl {

Status evaluate(EvalContext& context) { return evaluate_arg_reduce(context, true); }

}  // namespace arg_max_impl

OpDef define_arg_max() {
  OpDef op("ArgMax", 1);
  op.input("data", "T")
      .output("reduced", "I64")
      .type("T", kNumericTypes)
      .type("I64", dtype_bit(DType::kI64))
      .attr("axis", int64_t{0})
      .attr("keepdims", int64_t{1})
      .attr("select_last_index", int64_t{0});
  op.infer = infer_arg_reduce;
  op.evaluate = arg_max_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
