// Not: the logical complement of a bool tensor.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace not_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_same(context));
  propagate_elements(context, 1, [](const auto& v) -> std::optional<Dim> { return Dim(1) - v[0]; });
  return ok_status();
}

Status evaluate(EvalContext& context) {
  if (context.tensor(0).dtype() != DType::kBool) return unsupported_dtype(context, 0);
  map_unary<bool, bool>(context, DType::kBool, [](bool x) { return !x; });
  return ok_status();
}

}  // namespace not_impl

OpDef define_not() {
  OpDef op("Not", 1);
  op.input("X", "T").output("Y", "T").type("T", kBoolType).fact(kElementwise);
  op.infer = not_impl::infer;
  op.evaluate = not_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kNot>;
  return op;
}

}  // namespace sinter::ops
