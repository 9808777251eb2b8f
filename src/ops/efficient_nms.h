// EfficientNMS_TRT and EfficientNMS_ONNX_TRT, plugins of TensorRT: candidates of all classes by falling score, the best 4096 of an image; one that overlaps a better
// one (of its class, or of any) by at least iou_threshold is dropped.
#pragma once

#include "ops/boxes.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {

struct Detection {
  Candidate candidate;
  Box box;
};

struct DetectionRules {
  double score_threshold = 0, iou_threshold = 0;
  bool sigmoid = false, class_agnostic = false, center_and_size = false;
  int64_t background = -1;
  int64_t most = 0;  // detections an image, or a class of an image
  bool most_a_class = false;
};

// Boxes [B,N,4] or [B,N,1 or C,4], scores [B,N,C], anchors [1 or B,N,4] or none.
struct DetectionInputs {
  Tensor boxes, scores, anchors;  // f64
  int64_t images = 0, count = 0, classes = 0, box_classes = 1;
};

// Checks the shapes of inputs 0, 1 and, where there is one, 2.
Status read_detection_inputs(const EvalContext& context, DetectionInputs& inputs);
// What is left of one image, by falling score (before sigmoid).
std::vector<Detection> detect(const DetectionInputs& inputs, const DetectionRules& rules, int64_t image);

}  // namespace sinter::ops
