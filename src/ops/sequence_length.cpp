// SequenceLength: the number of elements, an i64 scalar.
#include "ops/control_flow.h"

namespace sinter::ops {
namespace sequence_length_impl {

Status infer(InferContext& context) {
  context.set_output(0, ValueType::tensor(DType::kI64, Shape{}));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_sequence(context, 0));
  context.set_output(0, Tensor::scalar<int64_t>(DType::kI64, static_cast<int64_t>(context.input(0).sequence().size())));
  return ok_status();
}

}  // namespace sequence_length_impl

OpDef define_sequence_length() {
  OpDef op("SequenceLength", 11);
  op.input("input_sequence", "S").output("length", "I").type("S", 0, true).type("I", dtype_set(DType::kI64));
  op.infer = sequence_length_impl::infer;
  op.evaluate = sequence_length_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
