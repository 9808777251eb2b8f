// GroupNormalization until opset 20: scale and bias had an element per group, now per channel: each is repeated.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_group_normalization(AdaptContext& context) {
  const Shape* shape = context.shape(0);
  const int64_t groups = context.node.attributes.i_or("num_groups", 0);
  if (!shape || shape->size() < 2 || !(*shape)[1].is_constant() || groups <= 0 || (*shape)[1].value() % groups != 0) {
    return context.error(
        fmt::format("{} groups of an input {}", groups, shape ? sinter::to_string(*shape) : "of unknown shape"),
        "a known number of channels that the groups divide", "export with opset 21 or newer");
  }
  const int64_t width = (*shape)[1].value() / groups;
  for (size_t i = 1; i <= 2; ++i) {
    if (!context.input(i)) return context.error(fmt::format("no input {}", i), "scale and bias", "correct the model");
    ir::Value* column = context.emit("Reshape", {context.input(i), context.constant_i64("column", {groups, 1})});
    ir::Value* wide =
        column ? context.emit("Expand", {column, context.constant_i64("wide", {groups, width})}) : nullptr;
    if (!wide)
      return context.error("the operators to repeat scale and bias", "Reshape and Expand",
                           "export with opset 21 or newer");
    context.set_input(i, context.emit("Reshape", {wide, context.constant_i64("channels", {-1})}));
  }
  return ok_status();
}

}  // namespace sinter::onnx
