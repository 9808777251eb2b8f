// Min: the smallest of all inputs, with numpy broadcasting. NaN wins.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace min_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_broadcast(context));
  propagate_elements(context, context.input_count(), [](const auto& v) -> std::optional<Dim> {
    Dim result = v[0];
    for (const Dim& next : v) result = min(result, next);
    return result;
  });
  return ok_status();
}

Status evaluate(EvalContext& context) {
  // a != a: NaN. The comparison with b is false when b is NaN, which then is the result.
  return fold_numeric(context, [](auto a, auto b) { return a != a || a < b ? a : b; });
}

bool pointwise(const Attributes&, int inputs, PointwiseProgram& program) {
  return pointwise_chain(PointwiseOp::kMin, inputs, program);
}

}  // namespace min_impl

OpDef define_min() {
  OpDef op("Min", 6);
  op.input("data_0", "T", ParamKind::kVariadic)
      .output("min", "T")
      .type("T", kNumericTypes)
      .fact(kElementwise | kCommutative);
  op.infer = min_impl::infer;
  op.evaluate = min_impl::evaluate;
  op.pointwise = min_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
