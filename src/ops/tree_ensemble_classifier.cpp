// TreeEnsembleClassifier: scores a class from the leaves that a row falls into, plus base_values; the label is that of the highest (the first of equal ones).
//
// Two labels whose weights are all of one class are a decision (what boosted trees write): the second label where that class's score is above 0.5 (no weight is negative:
// probabilities) or above 0 (else: margins). Weights of the first class make both scores: the second is the sum, the first its complement or negative; LOGISTIC is of
// both signs, and other transforms leave them as they are.
#include <algorithm>

#include "ops/forest.h"

namespace sinter::ops {
namespace tree_ensemble_classifier_impl {

Status infer(InferContext& context) { return infer_classifier(context, ClassLabels(context.attributes()).size()); }

// One score for both labels.
struct Decision {
  bool used = false, probabilities = true;
  int64_t target = 0;  // the class that has the weights
};

Decision decision_of(const Forest& forest, int64_t classes) {
  Decision decision;
  std::set<int64_t> targets;
  for (const Forest::Weight& weight : forest.weights) {
    targets.insert(weight.target);
    decision.probabilities = decision.probabilities && weight.value >= 0;
  }
  decision.used = classes == 2 && targets.size() == 1;
  if (decision.used) decision.target = *targets.begin();
  return decision;
}

// Whether the second label is chosen; the scores become what they are in the end.
bool decide(const Decision& decision, const std::vector<double>& base, PostTransform after, double* scores) {
  double& score = scores[decision.target];
  if (!base.empty()) score += base.back();
  score = static_cast<double>(static_cast<float>(score));
  const bool positive = score > (decision.probabilities ? 0.5 : 0);
  if (decision.target == 1) {
    if (base.size() == 2) scores[0] += base[0];
    transform_scores(after, scores, 2);
    return positive;
  }
  const double sum = score;
  if (after == PostTransform::kLogistic) {
    scores[0] = logistic(-sum);
    scores[1] = logistic(sum);
  } else {
    scores[0] = decision.probabilities ? 1 - sum : -sum;
    scores[1] = sum;
  }
  return positive;
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const Attributes& attributes = context.attributes();
  const ClassLabels labels(attributes);
  const int64_t classes = labels.size();
  SINTER_ASSIGN(const PostTransform after, at_node(context, parse_post_transform(attributes.s("post_transform"))));
  SINTER_ASSIGN(const Forest forest, at_node(context, read_forest(attributes, "class", classes)));
  const std::vector<double> base = numbers_of(attributes, "base_values");
  const Decision decision = decision_of(forest, classes);
  if (classes < 1 || (!base.empty() && static_cast<int64_t>(base.size()) != classes && !(decision.used && base.size() == 1)))
    return context.error(fmt::format("there are {} labels and {} base_values: expected labels, and one value each or none; correct the model", classes, base.size()));
  Tensor& y = context.allocate(0, labels.dtype(), {rows_of(context.tensor(0)).count});
  SINTER_ASSIGN(const Tensor z, score_rows(context, forest, Aggregate::kSum, [&](int64_t row, double* scores) {
    if (decision.used) return labels.write(y, row, decide(decision, base, after, scores));
    for (size_t i = 0; i < base.size(); ++i) scores[i] += base[i];
    for (int64_t i = 0; i < classes; ++i) scores[i] = static_cast<double>(static_cast<float>(scores[i]));
    labels.write(y, row, std::max_element(scores, scores + classes) - scores);
    transform_scores(after, scores, classes);
  }));
  store(context, 1, DType::kF32, z);
  return ok_status();
}

}  // namespace tree_ensemble_classifier_impl

OpDef define_tree_ensemble_classifier() {
  OpDef op("TreeEnsembleClassifier", 1, "ai.onnx.ml");
  op.input("X", "T1").output("Y", "T2").output("Z", "Z").type("T1", kFeatureTypes).type("Z", dtype_bit(DType::kF32));
  op.type("T2", dtype_set(DType::kString, DType::kI64));
  op.attr("classlabels_int64s", AttrKind::kInts, false).attr("classlabels_strings", AttrKind::kStrings, false);
  add_forest_attributes(op, "class");
  op.infer = tree_ensemble_classifier_impl::infer;
  op.evaluate = tree_ensemble_classifier_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
