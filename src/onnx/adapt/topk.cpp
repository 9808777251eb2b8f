// TopK until opset 9: k was an attribute, now input 1.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_topk(AdaptContext& context) {
  if (context.node.attributes.has("k")) context.set_input(1, context.constant_i64("k", {context.take_int("k", 1)}));
  return ok_status();
}

}  // namespace sinter::onnx
