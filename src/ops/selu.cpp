// Selu: y = gamma*x for x > 0, gamma*alpha*(exp(x) - 1) else.
#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace selu_impl {

Status evaluate(EvalContext& context) {
  const float alpha_attribute = context.attributes().f("alpha");
  const float gamma_attribute = context.attributes().f("gamma");
  return map_float(context, [=](auto x) {
    using T = decltype(x);
    const T alpha = alpha_attribute;
    const T gamma = gamma_attribute;
    return gamma * (x > 0 ? x : alpha * std::expm1(x));
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  return pointwise_with_constants(PointwiseOp::kSelu, {attributes.f("alpha"), attributes.f("gamma")}, program);
}

}  // namespace selu_impl

OpDef define_selu() {
  OpDef op("Selu", 6);
  op.input("X", "T")
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("alpha", 1.6732632f)
      .attr("gamma", 1.050701f)
      .fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = selu_impl::evaluate;
  op.pointwise = selu_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
