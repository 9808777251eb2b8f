// Size: the number of elements of the input, an i64 scalar.
#include "ops/shape_rules.h"

namespace sinter::ops {
namespace size_impl {

Status infer(InferContext& context) {
  context.set_output(0, ValueType::tensor(DType::kI64, Shape{}));
  if (const Shape* input = context.input_shape(0)) track(context, 0, {}, {product(*input)});
  return ok_status();
}

Status evaluate(EvalContext& context) {
  context.set_output(0, Tensor::scalar(DType::kI64, context.tensor(0).count()));
  return ok_status();
}

}  // namespace size_impl

OpDef define_size() {
  OpDef op("Size", 1);
  op.input("data", "T")
      .output("size", "T1")
      .type("T", kAllTensorTypes & ~dtype_set(DType::kF6E2M3, DType::kF6E3M2))
      .type("T1", dtype_bit(DType::kI64));
  op.infer = size_impl::infer;
  op.evaluate = size_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
