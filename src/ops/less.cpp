// Less: c = (a < b) with numpy broadcasting. False when an operand is NaN.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace less_impl {

Status evaluate(EvalContext& context) {
  return map_compare(context, [](auto a, auto b) { return a < b; });
}

}  // namespace less_impl

OpDef define_less() {
  OpDef op("Less", 7);
  op.input("A", "T")
      .input("B", "T")
      .output("C", "T1")
      .type("T", kNumericTypes)
      .type("T1", kBoolType)
      .fact(kElementwise);
  op.infer = infer_compare;
  op.evaluate = less_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kLess>;
  return op;
}

}  // namespace sinter::ops
