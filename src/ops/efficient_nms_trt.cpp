// EfficientNMS_TRT, a plugin of TensorRT: detections of an image by falling score, as many as max_output_boxes; the rest of the outputs is 0. With anchors, boxes are
// decoded. Boxes come out as corners.
#include <cmath>

#include "ops/efficient_nms.h"

namespace sinter::ops {
namespace efficient_nms_trt_impl {

Status infer(InferContext& context) {
  SINTER_ASSIGN(const int64_t kept, detections_kept(context, "max_output_boxes", 3));
  set_detection_outputs(context, kept, DType::kI32);
  return ok_status();
}

Status evaluate(EvalContext& context) {
  const Attributes& attributes = context.attributes();
  DetectionInputs inputs;
  SINTER_TRY(read_detection_inputs(context, inputs));
  DetectionRules rules;
  rules.score_threshold = static_cast<double>(attributes.f("score_threshold"));
  rules.iou_threshold = static_cast<double>(attributes.f("iou_threshold"));
  rules.sigmoid = attributes.i("score_activation") != 0;
  rules.class_agnostic = attributes.i("class_agnostic") != 0;
  rules.center_and_size = attributes.i("box_coding") != 0;
  rules.background = attributes.i("background_class");
  rules.most = attributes.i("max_output_boxes");
  if (rules.most < 0) return context.error(fmt::format("max_output_boxes is {}: expected 0 or more; correct the model", rules.most));
  SINTER_TRY(check_output_dims(context, {inputs.images, rules.most, 4}));
  Tensor& counts = context.allocate(0, DType::kI32, {inputs.images, 1});
  Tensor boxes = zeros_f64({inputs.images, rules.most, 4}), scores = zeros_f64({inputs.images, rules.most});
  Tensor& labels = context.allocate(3, DType::kI32, {inputs.images, rules.most});
  std::fill_n(labels.data<int32_t>(), labels.count(), 0);
  for (int64_t image = 0; image < inputs.images; ++image) {
    const std::vector<Detection> found = detect(inputs, rules, image);
    counts.data<int32_t>()[image] = static_cast<int32_t>(found.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const int64_t at = image * rules.most + static_cast<int64_t>(i);
      const auto& [candidate, box] = found[i];
      const double corners[] = {box.y1, box.x1, box.y2, box.x2};
      std::copy_n(corners, 4, boxes.data<double>() + at * 4);
      scores.data<double>()[at] = rules.sigmoid ? 1 / (1 + std::exp(-candidate.score)) : candidate.score;
      labels.data<int32_t>()[at] = static_cast<int32_t>(candidate.label);
    }
  }
  const DType dtype = context.tensor(0).dtype();
  store(context, 1, dtype, boxes);
  store(context, 2, dtype, scores);
  return ok_status();
}

}  // namespace efficient_nms_trt_impl

OpDef define_efficient_nms_trt() {
  OpDef op("EfficientNMS_TRT", 1, "TRT");
  op.input("boxes", "T").input("scores", "T").input("anchors", "T", ParamKind::kOptional).type("T", kFloatTypes).type("I", dtype_bit(DType::kI32));
  op.output("num_detections", "I").output("detection_boxes", "T").output("detection_scores", "T").output("detection_classes", "I");
  op.attr("background_class", int64_t{-1}).attr("box_coding", int64_t{0}).attr("class_agnostic", int64_t{0}).attr("iou_threshold", 0.5f);
  op.attr("max_output_boxes", int64_t{100}).attr("score_activation", int64_t{0}).attr("score_threshold", 0.5f);
  op.infer = efficient_nms_trt_impl::infer;
  op.evaluate = efficient_nms_trt_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
