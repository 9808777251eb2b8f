// ReduceL2: the square root of the sum of squares along the axes (truncated for integers); 0 for none.
#include <cmath>
#include <limits>

#include "ops/reduce.h"
#include "ops/shape_rules.h"

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
  OpDef op("ReduceL2", 18);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("I64", dtype_bit(DType::kI64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_l2_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
