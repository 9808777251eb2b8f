// BatchNormalization: what training wrote into its attributes and outputs over the years.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

// Until opset 6 `is_test` chose the mode. Files for inference are meant whatever it says.
Status adapt_batch_normalization_7(AdaptContext& context) {
  context.node.attributes.erase("is_test");
  context.node.attributes.erase("consumed_inputs");
  return ok_status();
}

// Until opset 8 `spatial` = 0 asked for statistics per element in place of per channel: (X - mean) / sqrt(var + epsilon) · scale + B, all of [C,D1,…].
Status adapt_batch_normalization_9(AdaptContext& context) {
  if (context.take_int("spatial", 1) != 0 || context.rank(0) == 2) return ok_status();
  for (const size_t i : {1, 2, 3, 4})
    if (!context.input(i)) return context.error(fmt::format("no input {}", i), "scale, bias, mean and variance", "correct the model");
  if (context.node.outputs.size() > 1) context.node.outputs.resize(1);
  ir::Value* epsilon = context.constant_like("epsilon", static_cast<double>(context.take_float("epsilon", 1e-5f)), 0);
  context.node.attributes.erase("momentum");
  ir::Value* deviation = context.emit("Sqrt", {context.emit("Add", {context.input(4), epsilon})});
  ir::Value* centred = context.emit("Sub", {context.input(0), context.input(3)});
  ir::Value* scaled = context.emit("Mul", {context.emit("Div", {centred, deviation}), context.input(1)});
  context.node.inputs = {scaled, context.input(2)};
  context.node.op_type = "Add";
  return ok_status();
}

// Until opset 13 the outputs after the first were for training: mean, var, saved_mean, saved_var. At inference they
// have no value; a node that reads one is reported as reading what nothing defines.
Status adapt_batch_normalization_14(AdaptContext& context) {
  if (context.node.outputs.size() > 1) context.node.outputs.resize(1);
  return ok_status();
}

}  // namespace sinter::onnx
