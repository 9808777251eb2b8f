// LinearRegressor: x times each target's coefficients, plus its intercept, then post_transform; f32 of [N,targets].
#include "ops/classic_ml.h"

namespace sinter::ops {
namespace linear_regressor_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  infer_rows(context, 0, std::max<int64_t>(context.attributes().i("targets"), 0));
  return ok_status();
}

// Four sums at a time, since each addition waits for the one before.
template <typename T>
double dot(const T* a, const double* b, int64_t n) {
  double sums[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int k = 0; k < 4; ++k) sums[k] += static_cast<double>(a[i + k]) * b[i + k];
  }
  for (; i < n; ++i) sums[0] += static_cast<double>(a[i]) * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const Attributes& attributes = context.attributes();
  SINTER_ASSIGN(const PostTransform after, at_node(context, parse_post_transform(attributes.s("post_transform"))));
  const bool narrow = context.tensor(0).dtype() == DType::kF32;  // read as it is: half the time is memory's
  const Tensor x = narrow ? context.tensor(0) : widened(context.tensor(0));
  const Rows rows = rows_of(x);
  const int64_t targets = attributes.i("targets");
  const std::vector<double> weights = numbers_of(attributes, "coefficients"), shift = numbers_of(attributes, "intercepts");
  if (targets < 1 || targets > INT32_MAX || static_cast<int64_t>(weights.size()) != targets * rows.features ||
      (!shift.empty() && static_cast<int64_t>(shift.size()) != targets))
    return context.error(fmt::format("there are {} coefficients and {} intercepts: expected {} targets times {} features, and one a target; correct the model",
                                     weights.size(), shift.size(), targets, rows.features));
  SINTER_TRY(check_output_dims(context, {rows.count, targets}));
  Tensor y = zeros_f64({rows.count, targets});
  for (int64_t r = 0; r < rows.count; ++r) {
    double* scores = y.data<double>() + r * targets;
    for (int64_t t = 0; t < targets; ++t) {
      scores[t] = shift.empty() ? 0 : shift[static_cast<size_t>(t)];
      const int64_t at = r * rows.features;
      const double* weight = weights.data() + t * rows.features;
      scores[t] += narrow ? dot(x.data<float>() + at, weight, rows.features) : dot(x.data<double>() + at, weight, rows.features);
    }
    transform_scores(after, scores, targets);
  }
  store(context, 0, DType::kF32, y);
  return ok_status();
}

}  // namespace linear_regressor_impl

OpDef define_linear_regressor() {
  OpDef op("LinearRegressor", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "Y").type("T", kFeatureTypes).type("Y", dtype_bit(DType::kF32));
  op.attr("coefficients", AttrKind::kFloats, false).attr("intercepts", AttrKind::kFloats, false);
  op.attr("post_transform", std::string("NONE")).attr("targets", int64_t{1});
  op.infer = linear_regressor_impl::infer;
  op.evaluate = linear_regressor_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
