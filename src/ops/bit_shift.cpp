// BitShift: z = x << y or x >> y by attribute 'direction'. Right shifts of signed types copy the sign. A shift that is
// negative or as wide as the type leaves the sign's extension: 0, or -1 for a right shift of a negative x.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace bit_shift_impl {

Status evaluate(EvalContext& context) {
  const std::string& direction = context.attributes().s("direction");
  if (direction != "LEFT" && direction != "RIGHT")
    return context.error(
        fmt::format("attribute 'direction' is '{}': expected 'LEFT' or 'RIGHT'; correct the attribute", direction));
  SINTER_TRY(check_same_dtype(context, 2));
  const bool left = direction == "LEFT";
  const DType dtype = context.tensor(0).dtype();
  Status status;
  const bool known = visit_integer(dtype, [&]<typename T>(TypeTag<T>) {
    status = map_binary<T, T, T>(context, dtype, [=](T x, T y) {
      const uint64_t amount = static_cast<uint64_t>(y);  // negative amounts become huge
      const bool outside = amount >= sizeof(T) * 8;
      if (left) return outside ? T(0) : static_cast<T>(static_cast<uint64_t>(x) << amount);
      return outside ? static_cast<T>(x < 0 ? T(-1) : T(0)) : static_cast<T>(x >> amount);
    });
  });
  return known ? std::move(status) : unsupported_dtype(context, 0);
}

}  // namespace bit_shift_impl

OpDef define_bit_shift() {
  OpDef op("BitShift", 11);
  op.input("X", "T")
      .input("Y", "T")
      .output("Z", "T")
      .type("T", kIntegerTypes)
      .attr("direction", AttrKind::kString, true)
      .fact(kElementwise);
  op.infer = infer_broadcast;
  op.evaluate = bit_shift_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
