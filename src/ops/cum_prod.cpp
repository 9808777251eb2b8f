// CumProd: the running product along an axis, in either direction (reverse), with or without the element itself
// (exclusive). Floats are accumulated in double; integers wrap around.
#include "ops/scan_axis.h"

namespace sinter::ops {
namespace cum_prod_impl {

Status evaluate(EvalContext& context) {
  return scan_axis(context, 1, [](auto a, auto b) { return wrapping_mul(a, b); });
}

}  // namespace cum_prod_impl

OpDef define_cum_prod() {
  OpDef op = scan_axis_op("CumProd", 26);
  op.evaluate = cum_prod_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
