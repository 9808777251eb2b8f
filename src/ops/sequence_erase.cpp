// SequenceErase: the sequence without the element at the position (the last without one).
#include "ops/control_flow.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sequence_erase_impl {

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_sequence(context, 0));
  Sequence sequence = context.input(0).sequence();
  const auto size = static_cast<int64_t>(sequence.size());
  int64_t position = -1;
  if (context.has_input(1)) {
    SINTER_ASSIGN(position, read_scalar(context, 1));
  }
  if (position < -size || position >= size)
    return context.error(
        fmt::format("the position is {} in a sequence of {}: expected a value in [{},{}]; correct the model", position,
                    size, -size, size - 1));
  sequence.erase(sequence.begin() + (position < 0 ? position + size : position));
  context.set_output(0, std::move(sequence));
  return ok_status();
}

}  // namespace sequence_erase_impl

OpDef define_sequence_erase() {
  OpDef op("SequenceErase", 11);
  op.input("input_sequence", "S")
      .input("position", "I", ParamKind::kOptional)
      .output("output_sequence", "S")
      .type("S", 0, true)
      .type("I", dtype_set(DType::kI32, DType::kI64));
  op.infer = infer_same;
  op.evaluate = sequence_erase_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
