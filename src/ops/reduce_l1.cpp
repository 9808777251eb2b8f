// ReduceL1: the sum of absolute values along the axes; 0 for none.
#include <cmath>
#include <limits>

#include "ops/reduce.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reduce_l1_impl {

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, x < 0 ? wrapping_mul(x, static_cast<A>(-1)) : x); }
  A result(int64_t) const { return sum; }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_l1_impl

OpDef define_reduce_l1() {
  OpDef op("ReduceL1", 18);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("I64", dtype_bit(DType::kI64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_l1_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
