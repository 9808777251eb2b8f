// Binary operators and PRelu until opset 6: operand B matched a run of A's axes that began at `axis`, not the last
// ones.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

namespace {

// B with ones appended, so that numpy's rule aligns its axes with A's from `axis` on.
Status align(AdaptContext& context, int64_t axis) {
  const int a = context.rank(0), b = context.rank(1);
  if (a < 0 || b < 0) {
    return context.error(fmt::format("attribute 'axis' is {} and an input's rank is unknown", axis), "known ranks",
                         "export with opset 7 or newer, or with shape information");
  }
  if (b == 0) return ok_status();
  if (axis < 0) axis += a;
  const int64_t trailing = a - axis - b;
  if (axis < 0 || trailing < 0) {
    return context.error(fmt::format("attribute 'axis' is {} for inputs of ranks {} and {}", axis, a, b),
                         fmt::format("0 to {}", a - b), "export the model again");
  }
  if (trailing == 0) return ok_status();
  std::vector<int64_t> axes;
  for (int64_t i = 0; i < trailing; ++i) axes.push_back(b + i);
  context.set_input(1, context.emit("Unsqueeze", {context.input(1), context.constant_i64("broadcast_axes", axes)}));
  return ok_status();
}

}  // namespace

Status adapt_binary_broadcast(AdaptContext& context) {
  const bool broadcast = context.take_int("broadcast", 0) != 0;
  const bool has_axis = context.node.attributes.has("axis");
  const int64_t axis = context.take_int("axis", 0);
  return broadcast && has_axis ? align(context, axis) : ok_status();
}

// A slope of more than one element belonged to the channels, axis 1.
Status adapt_prelu(AdaptContext& context) {
  const Shape* slope = context.shape(1);
  if (slope && slope->size() == 1 && !(*slope)[0].is(1) && context.rank(0) != 1) return align(context, 1);
  return ok_status();
}

}  // namespace sinter::onnx
