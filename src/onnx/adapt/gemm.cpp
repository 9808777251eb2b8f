// Gemm until opset 6: `broadcast` permitted what is always permitted now.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_gemm(AdaptContext& context) {
  context.node.attributes.erase("broadcast");
  return ok_status();
}

}  // namespace sinter::onnx
