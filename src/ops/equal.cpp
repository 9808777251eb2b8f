// Equal: c = (a == b) with numpy broadcasting. NaN equals nothing; strings compare bytewise.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace equal_impl {

Status infer(InferContext& context) {
  SINTER_TRY(infer_compare(context));
  propagate_elements(context, 2, [](const auto& v) -> std::optional<Dim> {
    const std::optional<bool> equal = decide_equal(v[0], v[1]);
    if (!equal) return std::nullopt;
    return Dim(*equal ? 1 : 0);
  });
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_same_dtype(context, 2));
  const DType dtype = context.tensor(0).dtype();
  const auto same = [](const auto& a, const auto& b) { return a == b; };
  if (dtype == DType::kString) return map_binary<bool, std::string, std::string>(context, DType::kBool, same);
  if (dtype == DType::kBool) return map_binary<bool, uint8_t, uint8_t>(context, DType::kBool, same);
  Status status;
  const auto run = [&]<typename T>(TypeTag<T>) { status = map_binary<bool, T, T>(context, DType::kBool, same); };
  if (visit_float(dtype, run)) return status;
  if (!contains(kIntegerTypes, dtype)) return unsupported_dtype(context, 0);
  switch (dtype_bits(dtype)) {  // signs do not matter
    case 8: run(TypeTag<uint8_t>{}); break;
    case 16: run(TypeTag<uint16_t>{}); break;
    case 32: run(TypeTag<uint32_t>{}); break;
    default: run(TypeTag<uint64_t>{});
  }
  return status;
}

}  // namespace equal_impl

OpDef define_equal() {
  OpDef op("Equal", 7);
  op.input("A", "T")
      .input("B", "T")
      .output("C", "T1")
      .type("T", kNumericTypes | kBoolType | kStringType)
      .type("T1", kBoolType)
      .fact(kElementwise | kCommutative);
  op.infer = equal_impl::infer;
  op.evaluate = equal_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kEqual>;
  return op;
}

}  // namespace sinter::ops
