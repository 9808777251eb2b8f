// TreeEnsembleRegressor: weights of the leaves that a row falls into, aggregated a target, plus base_values, then post_transform; f32 of [N,n_targets].
#include "ops/forest.h"

namespace sinter::ops {
namespace tree_ensemble_regressor_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  infer_rows(context, 0, std::max<int64_t>(context.attributes().i_or("n_targets", 1), 0));
  return ok_status();
}

Result<Aggregate> aggregate_of(const std::string& text) {
  constexpr const char* kNames[] = {"AVERAGE", "SUM", "MIN", "MAX"};
  for (int i = 0; i < 4; ++i)
    if (text == kNames[i]) return static_cast<Aggregate>(i);
  return make_error(Code::kInvalidModel, "aggregate_function is '{}': expected AVERAGE, SUM, MIN or MAX; correct the model", text);
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  const Attributes& attributes = context.attributes();
  const int64_t targets = attributes.i_or("n_targets", 1);
  SINTER_ASSIGN(const PostTransform after, at_node(context, parse_post_transform(attributes.s("post_transform"))));
  SINTER_ASSIGN(const Aggregate how, at_node(context, aggregate_of(attributes.s("aggregate_function"))));
  SINTER_ASSIGN(const Forest forest, at_node(context, read_forest(attributes, "target", targets)));
  const std::vector<double> base = numbers_of(attributes, "base_values");
  if (!base.empty() && static_cast<int64_t>(base.size()) != targets)
    return context.error(fmt::format("base_values has {} numbers for {} targets: expected one a target; correct the model", base.size(), targets));
  SINTER_ASSIGN(const Tensor y, score_rows(context, forest, how, [&](int64_t, double* scores) {
    for (size_t t = 0; t < base.size(); ++t) scores[t] += base[t];
    transform_scores(after, scores, targets);
  }));
  store(context, 0, DType::kF32, y);
  return ok_status();
}

}  // namespace tree_ensemble_regressor_impl

OpDef define_tree_ensemble_regressor() {
  OpDef op("TreeEnsembleRegressor", 1, "ai.onnx.ml");
  op.input("X", "T").output("Y", "Y").type("T", kFeatureTypes).type("Y", dtype_bit(DType::kF32));
  op.attr("aggregate_function", std::string("SUM")).attr("n_targets", AttrKind::kInt, false);
  add_forest_attributes(op, "target");
  op.infer = tree_ensemble_regressor_impl::infer;
  op.evaluate = tree_ensemble_regressor_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
