// CumSum: the running sum along an axis, in either direction (reverse), with or without the element itself (exclusive).
// Floats are accumulated in double; integers wrap around.
#include "ops/scan_axis.h"

namespace sinter::ops {
namespace cum_sum_impl {

Status evaluate(EvalContext& context) {
  return scan_axis(context, 0, [](auto a, auto b) { return wrapping_add(a, b); });
}

}  // namespace cum_sum_impl

OpDef define_cum_sum() {
  OpDef op = scan_axis_op("CumSum", 11);
  op.evaluate = cum_sum_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
