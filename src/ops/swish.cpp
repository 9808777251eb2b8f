// Swish: y = x * sigmoid(alpha*x); SiLU for alpha = 1.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace swish_impl {

Status evaluate(EvalContext& context) {
  const float alpha_attribute = context.attributes().f("alpha");
  return map_float(context, [=](auto x) {
    using T = decltype(x);
    return x / (1 + std::exp(-T(alpha_attribute) * x));
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  const float alpha = attributes.f("alpha");
  if (alpha == 1) return pointwise_with_constants(PointwiseOp::kSilu, {}, program);
  program = PointwiseProgram();
  program.inputs = 1;
  const int16_t factor = program.append_constant(alpha);
  const int16_t scaled = program.append(PointwiseOp::kMul, {0, factor});
  const int16_t gate = program.append(PointwiseOp::kSigmoid, {scaled});
  program.outputs = {program.append(PointwiseOp::kMul, {0, gate})};
  return true;
}

}  // namespace swish_impl

OpDef define_swish() {
  OpDef op("Swish", 24);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes).attr("alpha", 1.0f).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = swish_impl::evaluate;
  op.pointwise = swish_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
