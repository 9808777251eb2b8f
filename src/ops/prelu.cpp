// PRelu: y = x for x >= 0, slope*x below; the slope broadcasts to x (one direction). Integers wrap around.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace prelu_impl {

Status evaluate(EvalContext& context) {
  const auto prelu = [](auto x, auto slope) { return x < 0 ? slope * x : x; };
  return map_arithmetic(context, prelu, [](auto x, auto slope) -> uint64_t {
    return x < 0 ? static_cast<uint64_t>(x) * static_cast<uint64_t>(slope) : static_cast<uint64_t>(x);
  });
}

}  // namespace prelu_impl

OpDef define_prelu() {
  OpDef op("PRelu", 7);
  op.input("X", "T")
      .input("slope", "T")
      .output("Y", "T")
      .type("T", kFloatTypes | dtype_set(DType::kI32, DType::kI64, DType::kU32, DType::kU64))
      .fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = prelu_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kLeakyRelu>;
  return op;
}

}  // namespace sinter::ops
