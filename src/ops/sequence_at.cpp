// SequenceAt: the element at a position, counted from the end when negative.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace sequence_at_impl {

Status infer(InferContext& context) {
  context.set_output(0, element_type(context.input_type(0)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_sequence(context, 0));
  const Sequence& sequence = context.input(0).sequence();
  SINTER_ASSIGN(const int64_t position, read_scalar(context, 1));
  const auto size = static_cast<int64_t>(sequence.size());
  if (position < -size || position >= size)
    return context.error(
        fmt::format("the position is {} in a sequence of {}: expected a value in [{},{}]; correct the model", position,
                    size, -size, size - 1));
  context.set_output(0, sequence[position < 0 ? position + size : position]);
  return ok_status();
}

}  // namespace sequence_at_impl

OpDef define_sequence_at() {
  OpDef op("SequenceAt", 11);
  op.input("input_sequence", "S")
      .input("position", "I")
      .output("tensor", "T")
      .type("S", 0, true)
      .type("T", kAllTensorTypes)
      .type("I", dtype_set(DType::kI32, DType::kI64));
  op.infer = sequence_at_impl::infer;
  op.evaluate = sequence_at_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
