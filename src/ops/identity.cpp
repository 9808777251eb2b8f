// Identity: the input itself: tensor, sequence or optional.
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace identity_impl {

Status evaluate(EvalContext& context) {
  context.set_output(0, context.has_input(0) ? context.input(0) : Value());
  return ok_status();
}

}  // namespace identity_impl

OpDef define_identity() {
  OpDef op("Identity", 1);
  op.input("input", "V")
      .output("output", "V")
      .type("V", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2), true, true)
      .fact(kViewOnly);
  op.infer = infer_same_elements;
  op.evaluate = identity_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
