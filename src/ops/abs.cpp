// Abs: y = |x|. The most negative integer of a type has no counterpart and stays itself.
#include <cmath>

#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace abs_impl {

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  const bool known =
      visit_float(dtype, [&]<typename T>(
                             TypeTag<T>) { map_unary<T, T>(context, dtype, [](auto x) { return std::abs(x); }); }) ||
      visit_integer(dtype, [&]<typename T>(TypeTag<T>) {
        map_unary<T, T>(context, dtype, [](T x) { return x < 0 ? T(uint64_t{0} - static_cast<uint64_t>(x)) : x; });
      });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace abs_impl

OpDef define_abs() {
  OpDef op("Abs", 6);
  op.input("X", "T").output("Y", "T").type("T", kNumericTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = abs_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kAbs>;
  return op;
}

}  // namespace sinter::ops
