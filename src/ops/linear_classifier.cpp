// LinearClassifier: a score a class, x times its coefficients plus its intercept; the label is that of the highest (the first of equal ones). One row of
// coefficients for two labels is a decision between them: the second where the score is above 0; the first one's score is then that of the negative (LOGISTIC), else what is missing to 1, and SOFTMAX changes nothing.
#include <algorithm>

#include "ops/classic_ml.h"

namespace sinter::ops {
namespace linear_classifier_impl {

// Rows of coefficients: as many as intercepts, else as labels.
int64_t score_count(const Attributes& attributes, const ClassLabels& labels) {
  const auto* shift = attributes.find_as<std::vector<float>>("intercepts");
  return shift && !shift->empty() ? static_cast<int64_t>(shift->size()) : labels.size();
}

Status infer(InferContext& context) {
  const ClassLabels labels(context.attributes());
  const int64_t scores = score_count(context.attributes(), labels);
  return infer_classifier(context, scores == 1 && labels.size() == 2 ? 2 : scores);
}

void finish_binary(PostTransform after, double score, double* z) {
  if (after == PostTransform::kLogistic) {
    z[0] = logistic(-score);
    z[1] = logistic(score);
    return;
  }
  transform_scores(after == PostTransform::kProbit ? after : PostTransform::kNone, &score, 1);
  z[0] = 1 - score;
  z[1] = score;
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const Attributes& attributes = context.attributes();
  SINTER_ASSIGN(const PostTransform after, at_node(context, parse_post_transform(attributes.s("post_transform"))));
  const ClassLabels labels(attributes);
  const Tensor x = widened(context.tensor(0));
  const Rows rows = rows_of(x);
  const std::vector<double> weights = numbers_of(attributes, "coefficients"), shift = numbers_of(attributes, "intercepts");
  const int64_t scores = score_count(attributes, labels);
  const bool binary = scores == 1;
  if (scores < 1 || static_cast<int64_t>(weights.size()) != scores * rows.features || (!binary && labels.size() != scores))
    return context.error(fmt::format("there are {} coefficients, {} labels and {} intercepts for {} features: expected as many labels as rows of coefficients; correct the model",
                                     weights.size(), labels.size(), shift.size(), rows.features));
  const int64_t columns = binary && labels.size() == 2 ? 2 : scores;
  SINTER_TRY(check_output_dims(context, {rows.count, std::max(columns, scores)}));
  Tensor& y = context.allocate(0, labels.dtype(), {rows.count});
  Tensor z = zeros_f64({rows.count, columns});
  std::vector<double> row(static_cast<size_t>(std::max(columns, scores)));
  for (int64_t r = 0; r < rows.count; ++r) {
    for (int64_t s = 0; s < scores; ++s) {
      double sum = shift.empty() ? 0 : shift[static_cast<size_t>(s)];
      for (int64_t i = 0; i < rows.features; ++i) sum += x.data<double>()[r * rows.features + i] * weights[static_cast<size_t>(s * rows.features + i)];
      row[static_cast<size_t>(s)] = sum;
    }
    if (binary)
      labels.write_binary(y, r, row[0] > 0);
    else
      labels.write(y, r, std::max_element(row.begin(), row.begin() + scores) - row.begin());
    if (columns > scores)
      finish_binary(after, row[0], row.data());
    else
      transform_scores(after, row.data(), columns);
    std::copy_n(row.begin(), columns, z.data<double>() + r * columns);
  }
  store(context, 1, DType::kF32, z);
  return ok_status();
}

}  // namespace linear_classifier_impl

OpDef define_linear_classifier() {
  OpDef op("LinearClassifier", 1, "ai.onnx.ml");
  op.input("X", "T1").output("Y", "T2").output("Z", "Z").type("T1", kFeatureTypes).type("Z", dtype_bit(DType::kF32));
  op.type("T2", dtype_set(DType::kString, DType::kI64));
  op.attr("classlabels_ints", AttrKind::kInts, false).attr("classlabels_strings", AttrKind::kStrings, false);
  op.attr("coefficients", AttrKind::kFloats, true).attr("intercepts", AttrKind::kFloats, false);
  op.attr("multi_class", int64_t{0}).attr("post_transform", std::string("NONE"));
  op.infer = linear_classifier_impl::infer;
  op.evaluate = linear_classifier_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
