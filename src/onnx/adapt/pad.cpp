// Pad: `paddings` of opset 1 became the attribute `pads`, and that with the value became inputs 1 and 2 in opset 11.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_pad_2(AdaptContext& context) {
  if (const auto* list = context.node.attributes.find_as<std::vector<int64_t>>("paddings")) {
    const AttrValue pads = *list;
    context.node.attributes.erase("paddings");
    context.node.attributes.set("pads", pads);
  }
  return ok_status();
}

Status adapt_pad_11(AdaptContext& context) {
  if (ir::Value* pads = context.ints_to_input("pads")) context.set_input(1, pads);
  const float value = context.take_float("value", 0);
  if (value != 0) context.set_input(2, context.constant_like("value", value, 0));
  return ok_status();
}

}  // namespace sinter::onnx
