// Softmax, LogSoftmax and Hardmax until opset 12: the input was made 2-D at `axis` (1 by default), now one axis is
// meant.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_softmax(AdaptContext& context) {
  const int64_t stated = context.take_int("axis", 1);
  const Shape* shape = context.shape(0);
  if (shape) {
    const auto rank = static_cast<int64_t>(shape->size());
    const int64_t axis = stated < 0 ? stated + rank : stated;
    // All from `axis` on are one group. Where at most one of them is longer than 1, that one axis says the same.
    int64_t longest = rank - 1;
    int long_axes = 0;
    for (int64_t i = std::max<int64_t>(axis, 0); i < rank; ++i) {
      if ((*shape)[static_cast<size_t>(i)].is(1)) continue;
      ++long_axes;
      longest = i;
    }
    if (axis >= 0 && axis < rank && long_axes <= 1) {
      context.node.attributes.set("axis", longest);
      return ok_status();
    }
  } else if (stated == -1) {
    context.node.attributes.set("axis", int64_t{-1});
    return ok_status();
  }
  ir::Value* const data = context.input(0);
  Attributes attributes;
  attributes.set("axis", stated);
  ir::Value* flat = context.emit("Flatten", {data}, std::move(attributes));
  ir::Value* dims = context.emit("Shape", {data});
  if (!flat || !dims)
    return context.error("the operators to make the input 2-D", "Flatten and Shape", "export with opset 13");
  context.set_input(0, flat);
  context.node.attributes.set("axis", int64_t{-1});
  context.wrap_output(0, "Reshape", {dims});
  return ok_status();
}

}  // namespace sinter::onnx
