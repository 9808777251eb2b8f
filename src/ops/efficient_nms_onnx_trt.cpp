// EfficientNMS_ONNX_TRT, a plugin of TensorRT that stands for ONNX's NonMaxSuppression with an output of one size: rows [image, class, box], image after image by falling
// score; the last row is repeated to the end, and all are -1 where there is none. Scores are [B,N,C].
//
// max_output_boxes_per_class is also the size of the output for an image: of several classes, the best stay.
#include "ops/efficient_nms.h"

namespace sinter::ops {
namespace efficient_nms_onnx_trt_impl {

Status infer(InferContext& context) {
  SINTER_ASSIGN(const int64_t kept, detections_kept(context, "max_output_boxes_per_class", 3));
  std::optional<Shape> shape;
  if (const Shape* boxes = context.input_shape(0)) shape = Shape{(*boxes)[0] * Dim(kept), Dim(3)};
  context.set_output(0, ValueType::tensor(DType::kI32, std::move(shape)));
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Attributes& attributes = context.attributes();
  DetectionInputs inputs;
  SINTER_TRY(read_detection_inputs(context, inputs));
  DetectionRules rules;
  rules.score_threshold = static_cast<double>(attributes.f("score_threshold"));
  rules.iou_threshold = static_cast<double>(attributes.f("iou_threshold"));
  rules.center_and_size = attributes.i("center_point_box") != 0;
  rules.most = attributes.i("max_output_boxes_per_class");
  if (rules.most < 0 || rules.most > INT32_MAX) return context.error(fmt::format("max_output_boxes_per_class is {}: expected 0 or more; correct the model", rules.most));
  SINTER_TRY(check_output_dims(context, {inputs.images, rules.most, 3}));
  Tensor& rows = context.allocate(0, DType::kI32, {inputs.images * rules.most, 3});
  std::fill_n(rows.data<int32_t>(), rows.count(), -1);
  int64_t at = 0;
  for (int64_t image = 0; image < inputs.images; ++image) {
    for (const Detection& found : detect(inputs, rules, image)) {
      int32_t* row = rows.data<int32_t>() + 3 * at++;
      row[0] = static_cast<int32_t>(image);
      row[1] = static_cast<int32_t>(found.candidate.label);
      row[2] = static_cast<int32_t>(found.candidate.box);
    }
  }
  for (int64_t i = at; at > 0 && i < rows.dim(0); ++i) std::copy_n(rows.data<int32_t>() + 3 * (at - 1), 3, rows.data<int32_t>() + 3 * i);
  return ok_status();
}

}  // namespace efficient_nms_onnx_trt_impl

OpDef define_efficient_nms_onnx_trt() {
  OpDef op("EfficientNMS_ONNX_TRT", 1, "TRT");
  op.input("boxes", "T").input("scores", "T").output("selected_indices", "I").type("T", kFloatTypes).type("I", dtype_bit(DType::kI32));
  op.attr("center_point_box", int64_t{0}).attr("iou_threshold", 0.5f).attr("max_output_boxes_per_class", int64_t{100}).attr("score_threshold", 0.5f);
  op.infer = efficient_nms_onnx_trt_impl::infer;
  op.evaluate = efficient_nms_onnx_trt_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
