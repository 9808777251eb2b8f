// PRelu: y = x for x >= 0, slope*x below; the slope broadcasts to x (one direction). Integers wrap around.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace prelu_impl {

template <typename Context>
Status slope_error(const Context& context, const Shape& x, const Shape& slope) {
  return context.error(fmt::format("the slope is {} for {}: expected a shape that broadcasts to it; correct the model", to_string(slope), to_string(x)));
}

Status infer(InferContext& context) {
  const Shape *x = context.input_shape(0), *slope = context.input_shape(1);
  if (x && slope) {
    const auto joined = broadcast(*x, *slope);
    bool fits = joined.ok() && joined->size() == x->size();
    for (size_t i = 0; fits && i < x->size(); ++i) fits = !(*x)[i].is_constant() || !(*joined)[i].is_constant() || (*x)[i] == (*joined)[i];
    if (!fits) return slope_error(context, *x, *slope);
  }
  return infer_same(context);
}

Status evaluate(EvalContext& context) {
  const Dims &x_dims = context.tensor(0).dims(), &slope_dims = context.tensor(1).dims();
  const auto joined = broadcast(x_dims, slope_dims);
  if (!joined.ok() || *joined != x_dims) return slope_error(context, to_shape(x_dims), to_shape(slope_dims));
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
  op.infer = prelu_impl::infer;
  op.evaluate = prelu_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kLeakyRelu>;
  return op;
}

}  // namespace sinter::ops
