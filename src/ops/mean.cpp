// Mean: the sum of all inputs divided by their number, with numpy broadcasting; rounded once.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace mean_impl {

Status evaluate(EvalContext& context) { return sum_floats(context, true); }

bool pointwise(const Attributes&, int inputs, PointwiseProgram& program) {
  if (!pointwise_chain(PointwiseOp::kAdd, inputs, program)) return false;
  const int16_t sum = program.outputs[0];
  const int16_t count = program.append_constant(static_cast<float>(inputs));
  program.outputs = {program.append(PointwiseOp::kDiv, {sum, count})};
  return true;
}

}  // namespace mean_impl

OpDef define_mean() {
  OpDef op("Mean", 6);
  op.input("data_0", "T", ParamKind::kVariadic)
      .output("mean", "T")
      .type("T", kFloatTypes)
      .fact(kElementwise | kCommutative);
  op.infer = infer_broadcast;
  op.evaluate = mean_impl::evaluate;
  op.pointwise = mean_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
