// SequenceConstruct: a sequence of the inputs in order.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace sequence_construct_impl {

Status infer(InferContext& context) {
  ValueType element = context.input_type(0);
  for (int i = 1; i < context.input_count(); ++i) {
    const auto merged = generalise_elements(element, context.input_type(i));
    if (!merged)
      return context.error(fmt::format("input {} is {} but input 0 is {}: expected one element type; insert a Cast", i,
                                       context.input_type(i).to_string(), element.to_string()));
    element = *merged;
  }
  context.set_output(0, ValueType::sequence(std::move(element)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  Sequence sequence;
  for (int i = 0; i < context.input_count(); ++i) sequence.push_back(context.input(i));
  context.set_output(0, std::move(sequence));
  return ok_status();
}

}  // namespace sequence_construct_impl

OpDef define_sequence_construct() {
  OpDef op("SequenceConstruct", 11);
  op.input("inputs", "T", ParamKind::kVariadic)
      .output("output_sequence", "S")
      .type("T", kAllTensorTypes)
      .type("S", 0, true);
  op.infer = sequence_construct_impl::infer;
  op.evaluate = sequence_construct_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
