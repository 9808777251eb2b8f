// Resize until opset 10, and Upsample: input pixels were those at floor(x / scale), linear without half-pixel centres.
#include "onnx/adapt/adapters.h"

namespace sinter::onnx {

Status adapt_resize_11(AdaptContext& context) {
  context.node.attributes.set("coordinate_transformation_mode", std::string("asymmetric"));
  context.node.attributes.set("nearest_mode", std::string("floor"));
  ir::Value* scales = context.input(1);
  context.set_input(2, scales);
  context.set_input(1, nullptr);
  return ok_status();
}

// Exporters leave roi and scales out by empty tensors as well as by empty names.
Status adapt_resize_empty_inputs(AdaptContext& context) {
  for (size_t i = 1; i < context.node.inputs.size(); ++i) {
    ir::Value*& value = context.node.inputs[i];
    if (value && value->is_constant() && value->constant.count() == 0) value = nullptr;
  }
  while (!context.node.inputs.empty() && !context.node.inputs.back()) context.node.inputs.pop_back();
  return ok_status();
}

// Opset 1 had two scales, for images.
Status adapt_upsample_7(AdaptContext& context) {
  if (context.node.attributes.has("width_scale") || context.node.attributes.has("height_scale")) {
    const float width = context.take_float("width_scale", 1), height = context.take_float("height_scale", 1);
    context.node.attributes.set("scales", std::vector<float>{1, 1, height, width});
  }
  return ok_status();
}

// Until opset 8 the scales were an attribute, now an input.
Status adapt_upsample_9(AdaptContext& context) {
  const auto* scales = context.node.attributes.find_as<std::vector<float>>("scales");
  if (!scales) return context.error("no attribute 'scales'", "a list of floats", "export the model again");
  context.set_input(1, context.constant("scales", Tensor::from_f32(*scales, {static_cast<int64_t>(scales->size())})));
  context.node.attributes.erase("scales");
  return ok_status();
}

Status adapt_upsample_10(AdaptContext& context) {
  if (context.take_string("mode", "nearest") != "nearest") {
    context.node.attributes.set("mode", std::string("linear"));
  } else {
    context.node.attributes.set("mode", std::string("nearest"));
  }
  context.node.op_type = "Resize";
  context.node.opset = 10;
  return ok_status();
}

}  // namespace sinter::onnx
