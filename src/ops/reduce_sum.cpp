// ReduceSum: the sum of the elements along the axes; 0 for none.
#include <cmath>
#include <limits>

#include "ops/reduce.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reduce_sum_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, x); }
  A result(int64_t) const { return sum; }
};

Status infer(InferContext& context) {
  return infer_reduce(context, [](const Dim& a, const Dim& b) { return a + b; });
}

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_sum_impl

OpDef define_reduce_sum() {
  OpDef op("ReduceSum", 13);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("I64", dtype_bit(DType::kI64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  op.infer = reduce_sum_impl::infer;
  op.evaluate = reduce_sum_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
