// Sum: the sum of all inputs, with numpy broadcasting; added from left to right in the compute type, rounded once.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sum_impl {

Status evaluate(EvalContext& context) { return sum_floats(context, false); }

bool pointwise(const Attributes&, int inputs, PointwiseProgram& program) {
  return pointwise_chain(PointwiseOp::kAdd, inputs, program);
}

}  // namespace sum_impl

OpDef define_sum() {
  OpDef op("Sum", 6);
  op.input("data_0", "T", ParamKind::kVariadic)
      .output("sum", "T")
      .type("T", kFloatTypes)
      .fact(kElementwise | kCommutative);
  op.infer = infer_broadcast;
  op.evaluate = sum_impl::evaluate;
  op.pointwise = sum_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
