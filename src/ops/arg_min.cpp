// ArgMin: the index of the smallest element along an axis, the first of equals or the last with select_last_index. The
// first NaN wins.
#include "ops/arg_reduce.h"

namespace sinter::ops {
namespace arg_min_impl {

Status evaluate(EvalContext& context) { return evaluate_arg_reduce(context, false); }

}  // namespace arg_min_impl

OpDef define_arg_min() {
  OpDef op("ArgMin", 1);
  op.input("data", "T")
      .output("reduced", "I64")
      .type("T", kNumericTypes)
      .type("I64", dtype_bit(DType::kI64))
      .attr("axis", int64_t{0})
      .attr("keepdims", int64_t{1})
      .attr("select_last_index", int64_t{0});
  op.infer = infer_arg_reduce;
  op.evaluate = arg_min_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
