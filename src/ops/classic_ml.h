// What the operators of ai.onnx.ml share: rows of features, class labels, what is done to scores in the end.
#pragma once

#include <string>
#include <vector>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {

constexpr DTypeSet kFeatureTypes = dtype_set(DType::kF32, DType::kF64, DType::kI64, DType::kI32);

enum class PostTransform : uint8_t { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };

// "NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT".
Result<PostTransform> parse_post_transform(const std::string& text);
// In place, over the scores of one row. SOFTMAX_ZERO leaves scores out that are zero.
void transform_scores(PostTransform how, double* scores, int64_t count);
double logistic(double x);

// [N,C], or [C] as one row.
struct Rows {
  int64_t count = 1, features = 0;
};
inline Rows rows_of(const Tensor& x) { return {x.rank() == 2 ? x.dim(0) : 1, x.rank() > 0 ? x.dim(-1) : 0}; }

// Output `index`: f32 of as many rows as input 0 has and `columns` columns (negative: not known).
void infer_rows(InferContext& context, int index, int64_t columns);

// Labels of a classifier, from the attribute classlabels_ints or classlabels_int64s, or classlabels_strings.
class ClassLabels {
 public:
  explicit ClassLabels(const Attributes& attributes);
  DType dtype() const { return texts_.empty() ? DType::kI64 : DType::kString; }
  int64_t size() const { return static_cast<int64_t>(texts_.empty() ? numbers_.size() : texts_.size()); }
  void write(Tensor& y, int64_t row, int64_t label) const;
  // The second or the first of two labels; else 1 and 0.
  void write_binary(Tensor& y, int64_t row, bool positive) const;

 private:
  std::vector<int64_t> numbers_;
  std::vector<std::string> texts_;
};

// Labels of type T2 and scores of `columns` columns.
Status infer_classifier(InferContext& context, int64_t columns);

// The numbers of attribute `name`, or of `name`_as_tensor.
std::vector<double> numbers_of(const Attributes& attributes, const std::string& name);

}  // namespace sinter::ops
