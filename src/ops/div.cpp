// Div: c = a / b with numpy broadcasting. Integer division truncates; by zero it gives 0 (undefined in ONNX, no trap
// here), and the most negative value over -1 wraps around.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace div_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_broadcast(context));
  propagate_elements(context, 2, [](const auto& v) { return truncated_quotient(v[0], v[1]); });
  return ok_status();
}

Status evaluate(EvalContext& context) {
  return map_arithmetic(
      context, [](auto a, auto b) { return a / b; },
      [](auto a, auto b) {
        using T = decltype(a);
        if (b == 0) return T(0);
        if (std::is_signed_v<T> && b == T(-1)) return static_cast<T>(uint64_t{0} - static_cast<uint64_t>(a));
        return static_cast<T>(a / b);
      });
}

}  // namespace div_impl

OpDef define_div() {
  OpDef op("Div", 7);
  op.input("A", "T").input("B", "T").output("C", "T").type("T", kNumericTypes).fact(kElementwise);
  op.infer = div_impl::infer;
  op.evaluate = div_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kDiv>;
  return op;
}

}  // namespace sinter::ops
