// Max: the largest of all inputs, with numpy broadcasting. NaN wins.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace max_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_broadcast(context));
  propagate_elements(context, context.input_count(), [](const auto& v) -> std::optional<Dim> {
    Dim result = v[0];
    for (const Dim& next : v) result = max(result, next);
    return result;
  });
  return ok_status();
}

Status evaluate(EvalContext& context) {
  // a != a: NaN. The comparison with b is false when b is NaN, which then is the result.
  return fold_numeric(context, [](auto a, auto b) { return a != a || a > b ? a : b; });
}

bool pointwise(const Attributes&, int inputs, PointwiseProgram& program) {
  return pointwise_chain(PointwiseOp::kMax, inputs, program);
}

}  // namespace max_impl

OpDef define_max() {
  OpDef op("Max", 6);
  op.input("data_0", "T", ParamKind::kVariadic)
      .output("max", "T")
      .type("T", kNumericTypes)
      .fact(kElementwise | kCommutative);
  op.infer = max_impl::infer;
  op.evaluate = max_impl::evaluate;
  op.pointwise = max_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
