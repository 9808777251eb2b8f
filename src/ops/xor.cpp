// Xor: true where exactly one is true; bool tensors with numpy broadcasting.
#include "ops/elementwise.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace xor_impl {

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_same_dtype(context, 2));
  if (context.tensor(0).dtype() != DType::kBool) return unsupported_dtype(context, 0);
  return map_binary<bool, bool, bool>(context, DType::kBool, [](bool a, bool b) { return a != b; });
}

}  // namespace xor_impl

OpDef define_xor() {
  OpDef op("Xor", 7);
  op.input("A", "T")
      .input("B", "T")
      .output("C", "T1")
      .type("T", kBoolType)
      .type("T1", kBoolType)
      .fact(kElementwise | kCommutative);
  op.infer = infer_compare;
  op.evaluate = xor_impl::evaluate;
  op.pointwise = pointwise_direct<PointwiseOp::kXor>;
  return op;
}

}  // namespace sinter::ops
