// DFT until opset 19: the axis was an attribute (1 by default), now input 2 (-2 by default).
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_dft(AdaptContext& context) {
  context.set_input(2, context.constant("axis", Tensor::scalar(DType::kI64, context.take_int("axis", 1))));
  return ok_status();
}

}  // namespace sinter::onnx
