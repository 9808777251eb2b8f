// BitwiseNot: every bit of the integer is inverted.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace bitwise_not_impl {

Status evaluate(EvalContext& context) {
  const DType dtype = context.tensor(0).dtype();
  const bool known = visit_integer(
      dtype, [&]<typename T>(TypeTag<T>) { map_unary<T, T>(context, dtype, [](T x) { return static_cast<T>(~x); }); });
  return known ? ok_status() : unsupported_dtype(context, 0);
}

}  // namespace bitwise_not_impl

OpDef define_bitwise_not() {
  OpDef op("BitwiseNot", 18);
  op.input("X", "T").output("Y", "T").type("T", kIntegerTypes).fact(kElementwise);
  op.infer = infer_same;
  op.evaluate = bitwise_not_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
