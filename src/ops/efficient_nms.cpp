#include "ops/efficient_nms.h"

#include <algorithm>
#include <cmath>

namespace sinter::ops {
namespace efficient_nms_impl {

constexpr size_t kMostCandidates = 4096;

std::vector<Candidate> candidates_of(const DetectionInputs& inputs, const DetectionRules& rules, int64_t image) {
  double threshold = rules.score_threshold;
  // Scores before sigmoid are compared with the threshold before sigmoid.
  if (rules.sigmoid) threshold = threshold <= 0 ? -HUGE_VAL : std::log(threshold / (1 - threshold));
  std::vector<Candidate> candidates;
  const double* scores = inputs.scores.data<double>() + image * inputs.count * inputs.classes;
  for (int64_t box = 0; box < inputs.count; ++box)
    for (int64_t label = 0; label < inputs.classes; ++label)
      if (const double score = scores[box * inputs.classes + label]; score >= threshold && label != rules.background)
        candidates.push_back({score, box, label});
  sort_candidates(candidates);
  if (candidates.size() > kMostCandidates) candidates.resize(kMostCandidates);
  return candidates;
}

Box box_of(const DetectionInputs& inputs, const DetectionRules& rules, int64_t image, const Candidate& candidate) {
  const int64_t kind = inputs.box_classes == 1 ? 0 : candidate.label;
  const double* numbers = inputs.boxes.data<double>() + ((image * inputs.count + candidate.box) * inputs.box_classes + kind) * 4;
  if (!inputs.anchors.defined()) return read_box(numbers, rules.center_and_size);
  const int64_t line = inputs.anchors.dim(0) == 1 ? 0 : image;
  return decode_box(numbers, inputs.anchors.data<double>() + (line * inputs.count + candidate.box) * 4, rules.center_and_size);
}

}  // namespace efficient_nms_impl

Status read_detection_inputs(const EvalContext& context, DetectionInputs& inputs) {
  SINTER_TRY(check_rank(context, 0, 3, 4));
  SINTER_TRY(check_rank(context, 1, 3, 4));
  const Tensor &boxes = context.tensor(0), &scores = context.tensor(1);
  inputs.images = boxes.dim(0);
  inputs.count = boxes.dim(1);
  inputs.classes = scores.dim(2);
  inputs.box_classes = boxes.rank() == 4 ? boxes.dim(2) : 1;
  bool sound = boxes.dim(-1) == 4 && scores.dim(0) == inputs.images && scores.dim(1) == inputs.count && (scores.rank() == 3 || scores.dim(3) == 1) &&
               (inputs.box_classes == 1 || inputs.box_classes == inputs.classes);
  if (context.has_input(2)) {
    const Dims& dims = context.tensor(2).dims();
    sound = sound && dims.size() == 3 && (dims[0] == 1 || dims[0] == inputs.images) && dims[1] == inputs.count && dims[2] == 4;
    inputs.anchors = widened(context.tensor(2));
  }
  if (!sound)
    return context.error(fmt::format("boxes are {}, scores {}: expected [B,N,4] or [B,N,1 or C,4], [B,N,C], and anchors of [1,N,4] or [B,N,4]; correct the model",
                                     to_string(boxes.dims()), to_string(scores.dims())));
  inputs.boxes = widened(boxes);
  inputs.scores = widened(scores);
  return ok_status();
}

std::vector<Detection> detect(const DetectionInputs& inputs, const DetectionRules& rules, int64_t image) {
  std::vector<Detection> alive, kept;
  for (const Candidate& candidate : efficient_nms_impl::candidates_of(inputs, rules, image))
    alive.push_back({candidate, efficient_nms_impl::box_of(inputs, rules, image, candidate)});
  std::vector<int64_t> of_class(static_cast<size_t>(inputs.classes), 0);
  std::vector<bool> dropped(alive.size(), false);
  for (size_t i = 0; i < alive.size(); ++i) {
    if (dropped[i]) continue;
    if (!rules.most_a_class && static_cast<int64_t>(kept.size()) >= rules.most) break;
    const Detection& best = alive[i];
    if (!rules.most_a_class || of_class[static_cast<size_t>(best.candidate.label)]++ < rules.most) kept.push_back(best);
    for (size_t j = i + 1; j < alive.size(); ++j)
      if ((rules.class_agnostic || alive[j].candidate.label == best.candidate.label) && static_cast<float>(box_overlap(alive[j].box, best.box)) >= static_cast<float>(rules.iou_threshold)) dropped[j] = true;
  }
  return kept;
}

}  // namespace sinter::ops
