// Clip until opset 10: the bounds were attributes, now inputs 1 and 2. Bounds at the end of the range of floats bound
// nothing.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_clip(AdaptContext& context) {
  constexpr float kLargest = 3.402823466e+38f;
  const float low = context.take_float("min", -kLargest), high = context.take_float("max", kLargest);
  if (low > -kLargest) context.set_input(1, context.constant_like("min", low, 0));
  if (high < kLargest) context.set_input(2, context.constant_like("max", high, 0));
  return ok_status();
}

}  // namespace sinter::onnx
