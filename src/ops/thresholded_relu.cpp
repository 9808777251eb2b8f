// ThresholdedRelu: y = x for x > alpha, else 0 (for NaN too, as its function body says).
#include <algorithm>
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace thresholded_relu_impl {

Status evaluate(EvalContext& context) {
  const float alpha_attribute = context.attributes().f("alpha");
  return map_float(context, [=](auto x) {
    using T = decltype(x);
    const T alpha = alpha_attribute;
    return x > alpha ? x : T{0};
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  return pointwise_with_constants(PointwiseOp::kThresholdedRelu, {attributes.f("alpha")}, program);
}

}  // namespace thresholded_relu_impl

OpDef define_thresholded_relu() {
  OpDef op("ThresholdedRelu", 10);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("alpha", 1.0f).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = thresholded_relu_impl::evaluate;
  op.pointwise = thresholded_relu_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
