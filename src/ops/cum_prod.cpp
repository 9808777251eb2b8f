// CumProd: the running product along an axis, in either direction (reverse), with or without the element itself
// (exclusive). Floats are accumulated in double; integers wrap around.
#include "ops/scan_axis.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace cum_prod_impl {

Status evaluate(EvalContext& context) {
  return scan_axis(context, 1, [](auto a, auto b) { return wrapping_mul(a, b); });
}

}  // namespace cum_prod_impl

OpDef define_cum_prod() {
  OpDef op("CumProd", 26);
  op.input("x", "T")
      .input("axis", "T2")
      .output("y", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .type("T2", dtype_set(DType::kI32, DType::kI64))
      .attr("exclusive", int64_t{0})
      .attr("reverse", int64_t{0});
  op.infer = infer_same;
  op.evaluate = cum_prod_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
