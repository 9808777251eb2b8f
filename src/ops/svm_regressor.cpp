// SVMRegressor: the support vectors' kernel values times their coefficients, plus rho; without support vectors the coefficients are one vector. one_class gives
// 1 where that is above 0, else -1. f32 of [N,1].
#include "ops/svm.h"

namespace sinter::ops {
namespace svm_regressor_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  infer_rows(context, 0, 1);
  return ok_status();
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const Attributes& attributes = context.attributes();
  SINTER_ASSIGN(SvmFunction function, at_node(context, read_svm_function(attributes)));
  SINTER_ASSIGN(const PostTransform after, at_node(context, parse_post_transform(attributes.s("post_transform"))));
  const std::vector<double> coefficients = numbers_of(attributes, "coefficients"), rho = numbers_of(attributes, "rho");
  std::vector<double> vectors = numbers_of(attributes, "support_vectors"), weights = coefficients;
  const bool linear = attributes.i("n_supports") == 0;
  if (linear) {
    vectors = coefficients;
    weights = {1};
    function.kind = SvmKernel::kLinear;
  }
  const Tensor x = widened(context.tensor(0));
  const Rows rows = rows_of(x);
  const auto supports = static_cast<int64_t>(weights.size());
  if (rho.empty() || static_cast<int64_t>(vectors.size()) != supports * rows.features || (!linear && supports != attributes.i("n_supports")))
    return context.error(fmt::format("there are {} numbers of support vectors, {} coefficients and {} rho for {} features: expected a vector a coefficient, and one rho; correct the model",
                                     vectors.size(), weights.size(), rho.size(), rows.features));
  Tensor y = zeros_f64({rows.count, 1});
  for (int64_t r = 0; r < rows.count; ++r) {
    double sum = rho[0];
    for (int64_t i = 0; i < supports; ++i)
      sum += weights[static_cast<size_t>(i)] * function(x.data<double>() + r * rows.features, vectors.data() + i * rows.features, rows.features);
    if (attributes.i("one_class") != 0)
      sum = sum > 0 ? 1 : -1;
    else
      transform_scores(after, &sum, 1);
    y.data<double>()[r] = sum;
  }
  store(context, 0, DType::kF32, y);
  return ok_status();
}

}  // namespace svm_regressor_impl

OpDef define_svm_regressor() {
  OpDef op("SVMRegressor", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "Y").type("T", kFeatureTypes).type("Y", dtype_bit(DType::kF32));
  add_svm_attributes(op);
  op.attr("n_supports", int64_t{0}).attr("one_class", int64_t{0});
  op.infer = svm_regressor_impl::infer;
  op.evaluate = svm_regressor_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
