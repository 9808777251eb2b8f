// SequenceEmpty: a sequence of no elements, of tensors of the attribute's type (f32 without it).
#include "ops/control_flow.h"
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace sequence_empty_impl {

Status infer(InferContext& context) {
  SINTER_ASSIGN(
      const DType dtype,
      dtype_attribute(context, "dtype", context.attributes().i_or("dtype", static_cast<int64_t>(DType::kF32))));
  context.set_output(0, ValueType::sequence(ValueType::tensor(dtype)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  context.set_output(0, Sequence());
  return ok_status();
}

}  // namespace sequence_empty_impl

OpDef define_sequence_empty() {
  OpDef op("SequenceEmpty", 11);
  op.output("output", "S").type("S", 0, true).attr("dtype", AttrKind::kInt, false);
  op.infer = sequence_empty_impl::infer;
  op.evaluate = sequence_empty_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
