// Neg: y = -x. The most negative integer of a type stays itself (two's complement).
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace neg_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_same(context));
  propagate_elements(context, 1, [](const auto& v) -> std::optional<Dim> { return Dim(0) - v[0]; });
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  const bool known =
      visit_float(dtype, [&]<typename T>(TypeTag<T>) { map_unary<T, T>(context, dtype, [](auto x) { return -x; }); }) ||
      visit_integer(dtype, [&]<typename T>(TypeTag<T>) {
        map_unary<T, T>(context, dtype, [](T x) { return uint64_t{0} - static_cast<uint64_t>(x); });
      });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace neg_impl

OpDef define_neg() {
  OpDef op("Neg", 6);
  op.input("X", "T").output("Y", "T").type("T", kFloatTypes | kSignedTypes).fact(kElementwise);
  op.infer = neg_impl::infer;
  op.evaluate = neg_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kNeg>;
  return op;
}

}  // namespace sinter::ops
