// Log: y = ln(x); -infinity at 0, NaN below.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace log_impl {

Status evaluate(EvalContext& context) {
  return map_float(context, [](auto x) { return std::log(x); });
}

}  // namespace log_impl

OpDef define_log() {
  OpDef op("Log", 6);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = log_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kLog>;
  return op;
}
}  // namespace sinter::ops
