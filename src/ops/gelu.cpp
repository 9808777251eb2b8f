// Gelu: y = x/2 * (1 + erf(x/sqrt(2))); approximate="tanh": y = x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))).
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace gelu_impl {

constexpr double kSqrtHalf = 0.70710678118654752440, kSqrtTwoOverPi = 0.79788456080286535588, kCubic = 0.044715;

Status evaluate(EvalContext& context) {
  const std::string& approximate = context.attributes().s("approximate");
  if (approximate == "none")
    return map_float(context, [](auto x) {
      using T = decltype(x);
      return T(0.5) * x * (1 + std::erf(x * T(kSqrtHalf)));
    });
  if (approximate != "tanh")
    return context.error(
        fmt::format("attribute 'approximate' is '{}': expected 'none' or 'tanh'; correct the attribute", approximate));
  return map_float(context, [](auto x) {
    using T = decltype(x);
    return T(0.5) * x * (1 + std::tanh(T(kSqrtTwoOverPi) * (x + T(kCubic) * x * x * x)));
  });
}

bool pointwise(const Attributes& attributes, int, PointwiseProgram& program) {
  const bool tanh = attributes.s("approximate") == "tanh";
  return pointwise_with_constants(tanh ? PointwiseOp::kGeluTanh : PointwiseOp::kGelu, {}, program);
}

}  // namespace gelu_impl

OpDef define_gelu() {
  OpDef op("Gelu", 20);
  op.input("X", "T")
      .output("Y", "T")
      .type("T", kFloatTypes)
      .attr("approximate", std::string("none"))
      .fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = gelu_impl::evaluate;
  op.pointwise = gelu_impl::pointwise;
  return op;
}

}  // namespace sinter::ops
