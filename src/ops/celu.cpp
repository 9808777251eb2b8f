// Celu: y = max(0, x) + min(0, alpha*(exp(x/alpha) - 1)).
#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace celu_impl {

Status evaluate(EvalContext& context) {
  const float alpha_attribute = context.attributes().f("alpha");
  return map_float(context, [=](auto x) {
    using T = decltype(x);
    const T alpha = alpha_attribute;
    return x > 0 ? x : std::min(alpha * std::expm1(x / alpha), T{0});
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  return pointwise_with_constants(PointwiseOp::kCelu, {attributes.f("alpha")}, program);
}

}  // namespace celu_impl

OpDef define_celu() {
  OpDef op("Celu", 12);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("alpha", 1.0f).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = celu_impl::evaluate;
  op.pointwise = celu_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
