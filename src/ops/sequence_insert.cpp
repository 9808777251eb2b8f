// SequenceInsert: the sequence with a tensor put before the position (at the end without one).
#include "ops/control_flow.h"

namespace sinter::ops {
namespace sequence_insert_impl {

Status infer(InferContext& context) {
  const ValueType element = element_type(context.input_type(0)), &tensor = context.input_type(1);
  const auto merged = generalise_elements(element, tensor);
  if (!merged)
    return context.error(
        fmt::format("the tensor is {} but the sequence holds {}: expected one element type; insert a Cast",
                    tensor.to_string(), element.to_string()));
  context.set_output(0, ValueType::sequence(*merged));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_sequence(context, 0));
  Sequence sequence = context.input(0).sequence();
  const auto size = static_cast<int64_t>(sequence.size());
  int64_t position = size;
  if (context.has_input(2)) {
    SINTER_ASSIGN(position, read_scalar(context, 2));
  }
  if (position < -size || position > size)
    return context.error(
        fmt::format("the position is {} in a sequence of {}: expected a value in [{},{}]; correct the model", position,
                    size, -size, size));
  sequence.insert(sequence.begin() + (position < 0 ? position + size : position), context.input(1));
  context.set_output(0, std::move(sequence));
  return ok_status();
}

}  // namespace sequence_insert_impl

OpDef define_sequence_insert() {
  OpDef op("SequenceInsert", 11);
  op.input("input_sequence", "S")
      .input("tensor", "T")
      .input("position", "I", ParamKind::kOptional)
      .output("output_sequence", "S")
      .type("T", kAllTensorTypes)
      .type("S", 0, true)
      .type("I", dtype_set(DType::kI32, DType::kI64));
  op.infer = sequence_insert_impl::infer;
  op.evaluate = sequence_insert_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
