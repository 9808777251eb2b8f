// ReduceSumSquare: the sum of squares along the axes; 0 for none.
#include <cmath>
#include <limits>

#include "ops/reduce.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reduce_sum_square_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, wrapping_mul(x, x)); }
  A result(int64_t) const { return sum; }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_sum_square_impl

OpDef define_reduce_sum_square() {
  OpDef op("ReduceSumSquare", 18);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("I64", dtype_bit(DType::kI64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_sum_square_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
