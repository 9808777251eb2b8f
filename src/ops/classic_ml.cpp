#include "ops/classic_ml.h"

#include <algorithm>
#include <cmath>

namespace sinter::ops {
namespace classic_ml_impl {

// Inverse of the normal distribution's cumulative function, by bisection: slow and plain.
double probit(double p) {
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace classic_ml_impl

double logistic(double x) {
  const double y = 1 / (1 + std::exp(-std::fabs(x)));
  return x < 0 ? 1 - y : y;
}

Result<PostTransform> parse_post_transform(const std::string& text) {
  constexpr const char* kNames[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};
  for (int i = 0; i < 5; ++i)
    if (text == kNames[i]) return static_cast<PostTransform>(i);
  return make_error(Code::kInvalidModel, "post_transform is '{}': expected NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO or PROBIT; correct the model", text);
}

void transform_scores(PostTransform how, double* scores, int64_t count) {
  if (how == PostTransform::kLogistic) std::transform(scores, scores + count, scores, logistic);
  if (how == PostTransform::kProbit) std::transform(scores, scores + count, scores, classic_ml_impl::probit);
  if ((how != PostTransform::kSoftmax && how != PostTransform::kSoftmaxZero) || count == 0) return;
  const double highest = *std::max_element(scores, scores + count);
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    if (how == PostTransform::kSoftmax || scores[i] != 0) sum += scores[i] = std::exp(scores[i] - highest);
  for (int64_t i = 0; i < count && sum != 0; ++i) scores[i] /= sum;
}

void infer_rows(InferContext& context, int index, int64_t columns) {
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    const Dim rows = x->size() == 2 ? (*x)[0] : Dim(1);
    shape = Shape{rows, columns >= 0 ? Dim(columns) : context.fresh_symbol("columns")};
  }
  context.set_output(index, ValueType::tensor(DType::kF32, std::move(shape)));
}

ClassLabels::ClassLabels(const Attributes& attributes) {
  for (const char* name : {"classlabels_ints", "classlabels_int64s"})
    if (const auto* numbers = attributes.find_as<std::vector<int64_t>>(name)) numbers_ = *numbers;
  if (const auto* texts = attributes.find_as<std::vector<std::string>>("classlabels_strings")) texts_ = *texts;
}

void ClassLabels::write(Tensor& y, int64_t row, int64_t label) const {
  if (texts_.empty())
    y.data<int64_t>()[row] = numbers_[static_cast<size_t>(label)];
  else
    y.data<std::string>()[row] = texts_[static_cast<size_t>(label)];
}

void ClassLabels::write_binary(Tensor& y, int64_t row, bool positive) const {
  if (size() == 2) return write(y, row, positive);
  if (texts_.empty())
    y.data<int64_t>()[row] = positive;
  else
    y.data<std::string>()[row] = positive ? "1" : "0";
}

Status infer_classifier(InferContext& context, int64_t columns) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) shape = Shape{x->size() == 2 ? (*x)[0] : Dim(1)};
  context.set_output(0, ValueType::tensor(ClassLabels(context.attributes()).dtype(), std::move(shape)));
  infer_rows(context, 1, columns);
  return ok_status();
}

std::vector<double> numbers_of(const Attributes& attributes, const std::string& name) {
  if (const Tensor* tensor = attributes.find_as<Tensor>(name + "_as_tensor")) return tensor->to_f64();
  if (const auto* list = attributes.find_as<std::vector<float>>(name)) return {list->begin(), list->end()};
  return {};
}

}  // namespace sinter::ops
