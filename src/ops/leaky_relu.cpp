// LeakyRelu: y = x for x >= 0, alpha*x below.
#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace leaky_relu_impl {

Status evaluate(EvalContext& context) {
  const float alpha_attribute = context.attributes().f("alpha");
  return map_float(context, [=](auto x) {
    using T = decltype(x);
    const T alpha = alpha_attribute;
    return x < 0 ? alpha * x : x;
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  return pointwise_with_constants(PointwiseOp::kLeakyRelu, {attributes.f("alpha")}, program);
}

}  // namespace leaky_relu_impl

OpDef define_leaky_relu() {
  OpDef op("LeakyRelu", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("alpha", 0.01f).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = leaky_relu_impl::evaluate;
  op.pointwise = leaky_relu_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
