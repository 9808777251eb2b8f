// HardSigmoid: y = max(0, min(1, alpha*x + beta)). NaN stays NaN.
#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace hard_sigmoid_impl {

// std::clamp would be undefined for NaN.
template <typename T>
T clamp_unit(T x) {
  return x < 0 ? T{0} : x > 1 ? T{1} : x;
}

Status evaluate(EvalContext& context) {
  const float alpha_attribute = context.attributes().f("alpha");
  const float beta_attribute = context.attributes().f("beta");
  return map_float(context, [=](auto x) {
    using T = decltype(x);
    const T alpha = alpha_attribute;
    const T beta = beta_attribute;
    return clamp_unit(alpha * x + beta);
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  return pointwise_with_constants(PointwiseOp::kHardSigmoid, {attributes.f("alpha"), attributes.f("beta")}, program);
}

}  // namespace hard_sigmoid_impl

OpDef define_hard_sigmoid() {
  OpDef op("HardSigmoid", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("alpha", 0.2f).attr("beta", 0.5f).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = hard_sigmoid_impl::evaluate;
  op.pointwise = hard_sigmoid_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
