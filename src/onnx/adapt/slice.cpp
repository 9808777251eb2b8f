// Slice until opset 9: starts, ends and axes were attributes, now inputs 1 to 3.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_slice(AdaptContext& context) {
  const char* const names[] = {"starts", "ends", "axes"};
  for (size_t i = 0; i < 3; ++i) {
    if (ir::Value* list = context.ints_to_input(names[i])) context.set_input(i + 1, list);
  }
  return ok_status();
}

}  // namespace sinter::onnx
