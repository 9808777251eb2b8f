// Selu until opset 5: the constants had fewer digits.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_selu(AdaptContext& context) {
  context.set_default("alpha", 1.6732f);
  context.set_default("gamma", 1.0507f);
  return ok_status();
}

}  // namespace sinter::onnx
