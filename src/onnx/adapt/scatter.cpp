// Scatter was renamed ScatterElements in opset 11, with the same meaning.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_scatter(AdaptContext& context) {
  context.node.op_type = "ScatterElements";
  context.node.opset = std::max<int64_t>(context.node.opset, 11);
  return ok_status();
}

}  // namespace sinter::onnx
