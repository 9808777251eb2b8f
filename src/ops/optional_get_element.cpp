// OptionalGetElement: the content of an optional; tensors and sequences pass through.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace optional_get_element_impl {

Status infer(InferContext& context) {
  const ValueType& input = context.input_type(0);
  context.set_output(0, input.is_optional() ? element_type(input) : input);
  return ok_status();
}

Status evaluate(EvalContext& context) {
  if (!context.input(0).present())
    return context.error("the optional is empty: expected an element; test it with OptionalHasElement first");
  context.set_output(0, context.input(0));
  return ok_status();
}

}  // namespace optional_get_element_impl

OpDef define_optional_get_element() {
  OpDef op("OptionalGetElement", 15);
  op.input("input", "O").output("output", "V").type("O", kAllTensorTypes, true, true).type("V", kAllTensorTypes, true);
  op.infer = optional_get_element_impl::infer;
  op.evaluate = optional_get_element_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
