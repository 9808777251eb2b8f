// Concat until opset 3: the axis was optional and 1 by default.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_concat(AdaptContext& context) {
  context.set_default("axis", int64_t{1});
  return ok_status();
}

}  // namespace sinter::onnx
