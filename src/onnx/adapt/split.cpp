// Split: sizes were an attribute until opset 12, now input 1; without sizes the number of outputs is now stated.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_split_13(AdaptContext& context) {
  if (ir::Value* sizes = context.ints_to_input("split")) context.set_input(1, sizes);
  return ok_status();
}

Status adapt_split_18(AdaptContext& context) {
  if (!context.input(1)) context.set_default("num_outputs", static_cast<int64_t>(context.node.outputs.size()));
  return ok_status();
}

}  // namespace sinter::onnx
