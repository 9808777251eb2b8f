// Optional: an optional that holds the input, or, without input, an empty one of the attribute's element type.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace optional_impl {

Status infer(InferContext& context) {
  ValueType element;
  if (context.has_input(0))
    element = context.input_type(0);
  else if (const ValueType* type = context.attributes().find_as<ValueType>("type"))
    element = *type;
  else
    return context.error("there is neither an input nor attribute 'type': expected one of them; correct the model");
  context.set_output(0, ValueType::optional(std::move(element)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  context.set_output(0, context.has_input(0) ? context.input(0) : Value());
  return ok_status();
}

}  // namespace optional_impl

OpDef define_optional() {
  OpDef op("Optional", 15);
  op.input("input", "V", ParamKind::kOptional)
      .output("output", "O")
      .type("V", kAllTensorTypes, true)
      .type("O", 0, false, true)
      .attr("type", AttrKind::kType, false);
  op.infer = optional_impl::infer;
  op.evaluate = optional_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
