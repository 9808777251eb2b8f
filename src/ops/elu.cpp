// Elu: y = x for x >= 0, alpha*(exp(x) - 1) below.
#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace elu_impl {

Status evaluate(EvalContext& context) {
  const float alpha_attribute = context.attributes().f("alpha");
  return map_float(context, [=](auto x) {
    using T = decltype(x);
    const T alpha = alpha_attribute;
    return x < 0 ? alpha * std::expm1(x) : x;
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  return pointwise_with_constants(PointwiseOp::kElu, {attributes.f("alpha")}, program);
}

}  // namespace elu_impl

OpDef define_elu() {
  OpDef op("Elu", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("alpha", 1.0f).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = elu_impl::evaluate;
  op.pointwise = elu_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
