// Reduce*, Squeeze, Unsqueeze: until opset 17 (ReduceSum, Squeeze, Unsqueeze: 12) the axes were an attribute, now
// input 1.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_axes_attribute(AdaptContext& context) {
  if (ir::Value* axes = context.ints_to_input("axes")) context.set_input(1, axes);
  return ok_status();
}

}  // namespace sinter::onnx
