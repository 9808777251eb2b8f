// Reshape until opset 4: the shape was an attribute, now input 1.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_reshape(AdaptContext& context) {
  if (ir::Value* shape = context.ints_to_input("shape")) context.set_input(1, shape);
  return ok_status();
}

}  // namespace sinter::onnx
