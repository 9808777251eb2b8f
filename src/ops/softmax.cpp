// Softmax: exp(x - max) / sum along one axis; exponentials in the compute type, the sum in double. A line of -infinity
// gives NaN.
#include "ops/softmax_line.h"

namespace sinter::ops {
namespace softmax_impl {

Status evaluate(EvalContext& context) {
  return map_softmax_lines(
      context, [](auto x, auto max, double sum) { return static_cast<decltype(x)>(std::exp(x - max) / sum); });
}

}  // namespace softmax_impl

OpDef define_softmax() {
  OpDef op("Softmax", 13);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).attr("axis", int64_t{-1});
  op.infer = infer_axis_same;
  op.evaluate = softmax_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
