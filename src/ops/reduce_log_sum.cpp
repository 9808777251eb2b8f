// ReduceLogSum: the logarithm of the sum along the axes; -infinity for none. Integers (opsets before 28) are truncated,
// non-finite ones become 0.
#include <cmath>
#include <limits>

#include "ops/reduce.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reduce_log_sum_impl {

template <typename A>
A from_real(double value) {
  if constexpr (std::is_integral_v<A>)
    return std::isfinite(value) ? static_cast<A>(value) : A{0};
  else
    return value;
}

template <typename A>
struct Reducer {
  A sum = 0;
  void add(A x) { sum = wrapping_add(sum, x); }
  A result(int64_t) const { return from_real<A>(std::log(static_cast<double>(sum))); }
};

Status evaluate(EvalContext& context) { return reduce<Reducer>(context); }

}  // namespace reduce_log_sum_impl

OpDef define_reduce_log_sum() {
  OpDef op("ReduceLogSum", 18);
  op.input("data", "T")
      .input("axes", "I64", ParamKind::kOptional)
      .output("reduced", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("I64", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .attr("keepdims", int64_t{1})
      .attr("noop_with_empty_axes", int64_t{0});
  op.infer = infer_reduce_plain;
  op.evaluate = reduce_log_sum_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
