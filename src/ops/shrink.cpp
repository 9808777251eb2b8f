// Shrink: y = x + bias for x < -lambd, x - bias for x > lambd, else 0. Integers are computed in a float that holds them
// and truncated.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace shrink_impl {

Status evaluate(EvalContext& context) {
  const float lambd = context.attributes().f("lambd"), bias = context.attributes().f("bias");
  const DType dtype = context.tensor(0).dtype();
  const auto shrink = [=](auto x) {
    using T = decltype(x);
    return x < -T(lambd) ? x + T(bias) : x > T(lambd) ? x - T(bias) : T(0);
  };
  const bool known =
      visit_float(dtype, [&]<typename T>(TypeTag<T>) { map_unary<T, T>(context, dtype, shrink); }) ||
      visit_integer(dtype, [&]<typename T>(TypeTag<T>) {
        // By way of int64: out-of-range results wrap around instead of being undefined.
        map_unary<T, T>(context, dtype, [=](T x) {
          const long double y = shrink(static_cast<long double>(x));
          return y >= 0x1p63L ? static_cast<uint64_t>(y) : static_cast<uint64_t>(static_cast<int64_t>(y));
        });
      });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace shrink_impl

OpDef define_shrink() {
  OpDef op("Shrink", 9);
  op.input("input", "T")
      .output("output", "T")
      .type("T", kIntegerTypes | dtype_set(DType::kF32, DType::kF16, DType::kF64))
      .attr("bias", 0.0f)
      .attr("lambd", 0.5f)
      .fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = shrink_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
