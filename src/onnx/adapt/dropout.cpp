// Dropout: inference in every opset; only where the ratio is given and what the mask is made of have changed.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_dropout_7(AdaptContext& context) {
  context.node.attributes.erase("is_test");
  context.node.attributes.erase("consumed_inputs");
  return ok_status();
}

// Until opset 9 the mask had the data's type, now it is bool.
Status adapt_dropout_10(AdaptContext& context) {
  const ir::Value* data = context.input(0);
  if (!data || !data->type.is_tensor()) return ok_status();
  Attributes attributes;
  attributes.set("to", static_cast<int64_t>(data->type.dtype));
  context.wrap_output(1, "Cast", {}, std::move(attributes));
  return ok_status();
}

// Until opset 11 the ratio was an attribute, now input 1; training_mode (input 2) stays absent: false.
Status adapt_dropout_12(AdaptContext& context) {
  context.set_input(1, context.constant("ratio", Tensor::scalar(DType::kF32, context.take_float("ratio", 0.5f))));
  return ok_status();
}

}  // namespace sinter::onnx
