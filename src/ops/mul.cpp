// Mul: c = a * b with numpy broadcasting. Integers wrap around.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace mul_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_broadcast(context));
  propagate_elements(context, 2, [](const auto& v) -> std::optional<Dim> { return v[0] * v[1]; });
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const auto mul = [](auto a, auto b) { return a * b; };
  return map_wrapping(context, mul, mul);
}

}  // namespace mul_impl

OpDef define_mul() {
  OpDef op("Mul", 7);
  op.input("A", "T").input("B", "T").output("C", "T").type("T", kNumericTypes).fact(kElementwise | kCommutative);
  op.infer = mul_impl::infer;
  op.evaluate = mul_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kMul>;
  return op;
}

}  // namespace sinter::ops
