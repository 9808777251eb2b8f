#include "ops/batched_nms.h"

#include <algorithm>

#include "ops/boxes.h"
#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace batched_nms_impl {

Status infer(InferContext& context) {
  SINTER_ASSIGN(const int64_t kept, detections_kept(context, "keepTopK", 4));
  set_detection_outputs(context, kept, input_dtype(context, 0));
  return ok_status();
}

struct Rules {
  double score_threshold = 0, iou_threshold = 0, one = 0;
  int64_t background = -1, top = 0, keep = 0, boxes = 0, classes = 0, box_classes = 1;
};

// The boxes of one class that are left, by falling score.
std::vector<Candidate> suppress(const Rules& rules, const double* boxes, const double* scores, int64_t label) {
  std::vector<Candidate> candidates, kept;
  for (int64_t i = 0; i < rules.boxes; ++i)
    if (const double score = scores[i * rules.classes + label]; score > rules.score_threshold) candidates.push_back({score, i, label});
  sort_candidates(candidates);
  if (static_cast<int64_t>(candidates.size()) > rules.top) candidates.resize(static_cast<size_t>(rules.top));
  const auto box = [&](const Candidate& c) { return read_box(boxes + (c.box * rules.box_classes + (rules.box_classes == 1 ? 0 : label)) * 4, false); };
  for (const Candidate& candidate : candidates)
    if (std::none_of(kept.begin(), kept.end(), [&](const Candidate& better) { return static_cast<float>(box_overlap(box(candidate), box(better), rules.one)) > static_cast<float>(rules.iou_threshold); }))
      kept.push_back(candidate);
  return kept;
}

Status read(const EvalContext& context, Rules& rules) {
  SINTER_TRY(check_rank(context, 0, 4, 4));
  SINTER_TRY(check_rank(context, 1, 3, 4));
  const Attributes& attributes = context.attributes();
  const Tensor &boxes = context.tensor(0), &scores = context.tensor(1);
  rules.score_threshold = static_cast<double>(attributes.f("scoreThreshold"));
  rules.iou_threshold = static_cast<double>(attributes.f("iouThreshold"));
  rules.one = attributes.i("isNormalized") == 0 && attributes.i("caffeSemantics") != 0 ? 1 : 0;
  rules.background = attributes.i("backgroundLabelId");
  rules.top = attributes.i("topK");
  rules.keep = attributes.i("keepTopK");
  rules.boxes = boxes.dim(1);
  rules.classes = scores.dim(2);
  rules.box_classes = boxes.dim(2);
  const int64_t expected = attributes.i("shareLocation") != 0 ? 1 : rules.classes;
  if (boxes.dim(3) != 4 || rules.box_classes != expected || scores.dim(0) != boxes.dim(0) || scores.dim(1) != rules.boxes || (scores.rank() == 4 && scores.dim(3) != 1) ||
      (attributes.has("numClasses") && attributes.i("numClasses") != rules.classes))
    return context.error(fmt::format("boxes are {}, scores {}: expected [B,N,{},4] and [B,N,numClasses]; correct the model", to_string(boxes.dims()), to_string(scores.dims()),
                                     expected));
  if (rules.top < 0 || rules.keep < 0) return context.error(fmt::format("topK is {}, keepTopK {}: expected 0 or more; correct the model", rules.top, rules.keep));
  return check_output_dims(context, {boxes.dim(0), rules.keep, 4});
}

Status evaluate(EvalContext& context) {
  Rules rules;
  SINTER_TRY(read(context, rules));
  const bool clip = context.attributes().i("clipBoxes") != 0;
  const Tensor boxes = widened(context.tensor(0)), scores = widened(context.tensor(1));
  const int64_t images = boxes.dim(0);
  Tensor& counts = context.allocate(0, DType::kI32, {images, 1});
  Tensor out_boxes = zeros_f64({images, rules.keep, 4}), out_scores = zeros_f64({images, rules.keep}), labels = zeros_f64({images, rules.keep});
  std::fill_n(labels.data<double>(), labels.count(), -1.0);
  for (int64_t image = 0; image < images; ++image) {
    const double* of_image = boxes.data<double>() + image * rules.boxes * rules.box_classes * 4;
    std::vector<Candidate> found;
    for (int64_t label = 0; label < rules.classes; ++label) {
      if (label == rules.background) continue;
      const std::vector<Candidate> kept = suppress(rules, of_image, scores.data<double>() + image * rules.boxes * rules.classes, label);
      found.insert(found.end(), kept.begin(), kept.end());
    }
    // Of equal scores the lower class comes first.
    std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
    if (static_cast<int64_t>(found.size()) > rules.keep) found.resize(static_cast<size_t>(rules.keep));
    counts.data<int32_t>()[image] = static_cast<int32_t>(found.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const int64_t at = image * rules.keep + static_cast<int64_t>(i);
      const double* corners = of_image + (found[i].box * rules.box_classes + (rules.box_classes == 1 ? 0 : found[i].label)) * 4;
      for (int k = 0; k < 4; ++k) out_boxes.data<double>()[at * 4 + k] = clip ? std::min(std::max(corners[k], 0.0), 1.0) : corners[k];
      out_scores.data<double>()[at] = found[i].score;
      labels.data<double>()[at] = static_cast<double>(found[i].label);
    }
  }
  const DType dtype = context.tensor(0).dtype();
  store(context, 1, dtype, out_boxes);
  store(context, 2, dtype, out_scores);
  store(context, 3, dtype, labels);
  return ok_status();
}

}  // namespace batched_nms_impl

OpDef batched_nms(const std::string& name) {
  OpDef op(name, 1, "TRT");
  op.input("boxes", "T").input("scores", "T").type("T", kFloatTypes).type("I", dtype_bit(DType::kI32));
  op.output("num_detections", "I").output("nmsed_boxes", "T").output("nmsed_scores", "T").output("nmsed_classes", "T");
  op.attr("backgroundLabelId", int64_t{-1}).attr("caffeSemantics", int64_t{1}).attr("clipBoxes", int64_t{1}).attr("iouThreshold", 0.5f);
  op.attr("isNormalized", int64_t{1}).attr("keepTopK", int64_t{100}).attr("numClasses", AttrKind::kInt, false).attr("scoreBits", int64_t{16});
  op.attr("scoreThreshold", 0.0f).attr("shareLocation", int64_t{1}).attr("topK", int64_t{4096});
  op.infer = batched_nms_impl::infer;
  op.evaluate = batched_nms_impl::evaluate;
  return op;
}

}  // namespace sinter::ops
