// OptionalHasElement: whether the optional holds something: true for tensors and sequences, false without input.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace optional_has_element_impl {

Status infer(InferContext& context) {
  context.set_output(0, ValueType::tensor(DType::kBool, Shape{}));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  context.set_output(0, Tensor::scalar<bool>(DType::kBool, context.has_input(0) && context.input(0).present()));
  return ok_status();
}

}  // namespace optional_has_element_impl

OpDef define_optional_has_element() {
  OpDef op("OptionalHasElement", 15);
  op.input("input", "O", ParamKind::kOptional)
      .output("output", "B")
      .type("O", kAllTensorTypes, true, true)
      .type("B", kBoolType);
  op.infer = optional_has_element_impl::infer;
  op.evaluate = optional_has_element_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
