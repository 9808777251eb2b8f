// LessOrEqual: c = (a <= b) with numpy broadcasting. False when an operand is NaN.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace less_or_equal_impl {

Status evaluate(EvalContext& context) {
  return map_compare(context, [](auto a, auto b) { return a <= b; });
}

}  // namespace less_or_equal_impl

OpDef define_less_or_equal() {
  OpDef op("LessOrEqual", 12);
  op.input("A", "T")
      .input("B", "T")
      .output("C", "T1")
      .type("T", kNumericTypes)
      .type("T1", kBoolType)
      .fact(kElementwise);
  op.infer = infer_compare;
  op.evaluate = less_or_equal_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kLessEqual>;
  return op;
}

}  // namespace sinter::ops
