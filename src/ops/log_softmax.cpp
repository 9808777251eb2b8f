// LogSoftmax: (x - max) - ln(sum(exp(x - max))) along one axis.
#include "ops/softmax_line.h"

namespace sinter::ops {
namespace log_softmax_impl {

Status evaluate(EvalContext& context) {
  return map_softmax_lines(
      context, [](auto x, auto max, double sum) { return static_cast<decltype(x)>((x - max) - std::log(sum)); });
}

}  // namespace log_softmax_impl

OpDef define_log_softmax() {
  OpDef op("LogSoftmax", 13);
  op.input("input", "T").output("output", "T").type("T", kFloatTypes).attr("axis", int64_t{-1});
  op.infer = infer_axis_same;
  op.evaluate = log_softmax_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
