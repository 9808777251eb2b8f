// Scatter was renamed ScatterElements in opset 11, with the same meaning.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_scatter(AdaptContext& context) {
  context.node.op_type = "ScatterElements";
  return ok_status();
}

}  // namespace sinter::onnx
