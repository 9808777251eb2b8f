// IsInf: true for +infinity (when detect_positive) and -infinity (when detect_negative). float8 kinds without
// infinities give false.
#include "ops/float_test.h"

namespace sinter::ops {
namespace is_inf_impl {

Status evaluate(EvalContext& context) {
  const bool positive = context.attributes().i("detect_positive") != 0,
             negative = context.attributes().i("detect_negative") != 0;
  return map_float_test(context, [=](auto v) { return std::isinf(v) && (v > 0 ? positive : negative); });
}

}  // namespace is_inf_impl

OpDef define_is_inf() {
  OpDef op("IsInf", 10);
  op.input("X", "T1")
      .output("Y", "T2")
      .type("T1", kFloatTestTypes)
      .type("T2", kBoolType)
      .attr("detect_negative", int64_t{1})
      .attr("detect_positive", int64_t{1})
      .fact(kElementwise);
  op.infer = infer_float_test;
  op.evaluate = is_inf_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
