// sinter.Reformat: the same tensor in another memory layout. Logically the identity; the builder puts it between steps whose
// layouts differ.
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace reformat_impl {

Status evaluate(EvalContext& context) {
  context.set_output(0, context.input(0));
  return ok_status();
}

}  // namespace reformat_impl

OpDef define_reformat() {
  OpDef op("Reformat", 1, "sinter");
  op.input("input", "T").output("output", "T").type("T", kAllTensorTypes & ~kStringType);
  op.infer = infer_same_elements;
  op.evaluate = reformat_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
