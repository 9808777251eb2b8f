// CumSum: the running sum along an axis, in either direction (reverse), with or without the element itself (exclusive).
// Floats are accumulated in double; integers wrap around.
#include "ops/scan_axis.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace cum_sum_impl {

Status evaluate(EvalContext& context) {
  return scan_axis(context, 0, [](auto a, auto b) { return wrapping_add(a, b); });
}

}  // namespace cum_sum_impl

OpDef define_cum_sum() {
  OpDef op("CumSum", 11);
  op.input("x", "T")
      .input("axis", "T2")
      .output("y", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("T2", dtype_set(DType::kI32, DType::kI64))
      .attr("exclusive", int64_t{0})
      .attr("reverse", int64_t{0});
  op.infer = infer_same;
  op.evaluate = cum_sum_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
