// Operators of ai.onnx.ml. Whether random ones agree with ONNX Runtime is for tests/e2e/agree_on_operators; here are the rules that it does not follow, other types,
// and what is refused.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Strings = std::vector<std::string>;
const double kInf = HUGE_VAL, kNan = std::nan("");

OpRow ml(const char* name) { return OpRow(name, "ai.onnx.ml"); }

TEST(ClassicMl, Binarizer) {
  ml("Binarizer").attr("threshold", 1.5f).input(f32({5}, {1.5, 1.6, kNan, kInf, -kInf})).expect(f32({5}, {0, 1, 0, 1, 0}));
  ml("Binarizer").attr("threshold", 1.5f).input(i64({2, 1}, {1, 2})).expect(i64({2, 1}, {0, 1}));
  ml("Binarizer").attr("threshold", 0.0f).input(typed(DType::kI32, {0}, {})).expect(typed(DType::kI32, {0}, {}));
  ml("Binarizer").attr("threshold", 0.1f).input(typed(DType::kF64, {1}, {0.1})).expect(typed(DType::kF64, {1}, {0}));
}

TEST(ClassicMl, Scaler) {
  ml("Scaler").attr("offset", Floats{1, 2}).attr("scale", Floats{2}).input(f32({2, 2}, {1, 2, 3, kInf})).expect(f32({2, 2}, {0, 0, 4, kInf}));
  ml("Scaler").input(i64({3}, {1, 2, 3})).expect(f32({3}, {1, 2, 3}));
  ml("Scaler").attr("scale", Floats{1, 2}).input(f32({1, 2, 2}, {1, 1, 1, 1})).expect(f32({1, 2, 2}, {1, 1, 2, 2}));
  ml("Scaler").attr("scale", Floats{1, 2}).input(f32({1, 3}, {1, 1, 1})).expect_error("2 numbers for 3 features");
  ml("Scaler").attr("scale", Floats{1}).input(f32({0, 3}, {})).expect(f32({0, 3}, {}));
}

TEST(ClassicMl, Normalizer) {
  const auto row = [](const char* norm) { return ml("Normalizer").attr("norm", std::string(norm)); };
  row("L1").input(f32({2, 2}, {-1, 3, 0, 0})).expect(f32({2, 2}, {-0.25, 0.75, 0, 0}));
  row("L2").input(i64({2}, {-3, 4})).expect(f32({2}, {-0.6, 0.8}), 1e-6);
  row("MAX").input(f32({1, 2}, {-4, 2})).expect(f32({1, 2}, {-2, 1}));
  row("L1").input(f32({2, 0}, {})).expect(f32({2, 0}, {}));
  row("L3").input(f32({1}, {1})).expect_error("L3");
  row("L1").input(f32({1, 1, 1}, {1})).expect_error("rank");
}

TEST(ClassicMl, Imputer) {
  ml("Imputer").attr("replaced_value_float", std::nanf("")).attr("replaced_value_int64", int64_t{0}).attr("imputed_value_floats", Floats{7, 8}).input(f32({2, 2}, {kNan, 1, 2, kNan})).expect(f32({2, 2}, {7, 1, 2, 8}));
  ml("Imputer").attr("replaced_value_int64", int64_t{-1}).attr("imputed_value_int64s", Ints{9}).input(i64({2, 2}, {-1, 1, 2, -1})).expect(i64({2, 2}, {9, 1, 2, 9}));
  ml("Imputer").attr("replaced_value_float", 1.0f).attr("imputed_value_int64s", Ints{9}).input(f32({1}, {1})).expect_error("0 imputed values");
  ml("Imputer").attr("replaced_value_float", 1.0f).attr("imputed_value_floats", Floats{1, 2, 3}).input(f32({1, 2}, {1, 1})).expect_error("3 imputed values for 2");
}

TEST(ClassicMl, OneHotEncoder) {
  const auto row = [](int64_t zeros) { return ml("OneHotEncoder").attr("cats_int64s", Ints{5, 1}).attr("cats_strings", Strings{"a", "b", "c"}).attr("zeros", zeros); };
  row(1).input(f32({2}, {1.9, 5})).expect(f32({2, 2}, {0, 1, 1, 0}));
  row(1).input(strings({1, 2}, {"c", "x"})).expect(f32({1, 2, 3}, {0, 0, 1, 0, 0, 0}));
  row(0).input(i64({1}, {3})).expect_error("no category");
  row(1).input(i64({0, 2}, {})).expect(f32({0, 2, 2}, {}));
}

TEST(ClassicMl, VectorizerMapperAndEncoder) {
  ml("FeatureVectorizer").attr("inputdimensions", Ints{1, 3}).input(f32({1, 2}, {1, 2})).input(i64({1, 2}, {3, 4})).expect(f32({1, 4}, {1, 3, 4, 0}));
  ml("FeatureVectorizer").input(f32({2}, {1, 2})).expect(f32({1, 2}, {1, 2}));
  ml("FeatureVectorizer").input(f32({1, 2}, {1, 2})).input(f32({2, 1}, {1, 2})).expect_error("rows");
  ml("FeatureVectorizer").attr("inputdimensions", Ints{-1}).input(f32({1}, {1})).expect_infer_error("inputdimensions");
  const auto mapper = [] { return ml("CategoryMapper").attr("cats_int64s", Ints{3, 4}).attr("cats_strings", Strings{"x", "y"}).attr("default_int64", int64_t{-1}).attr("default_string", std::string("?")); };
  mapper().input(strings({3}, {"y", "z", "x"})).expect(i64({3}, {4, -1, 3}));
  mapper().input(i64({1, 2}, {3, 9})).expect(strings({1, 2}, {"x", "?"}));
  const auto encoder = [] { return ml("LabelEncoder").attr("classes_strings", Strings{"x", "y"}).attr("default_int64", int64_t{-1}).attr("default_string", std::string("?")); };
  encoder().input(strings({3}, {"y", "z", "x"})).expect(i64({3}, {1, -1, 0}));
  encoder().input(i64({2}, {1, 5})).expect(strings({2}, {"y", "?"}));
}

TEST(ClassicMl, LinearModels) {
  const auto regressor = [](const char* after) { return ml("LinearRegressor").attr("coefficients", Floats{1, -1}).attr("intercepts", Floats{0.5f}).attr("targets", int64_t{1}).attr("post_transform", std::string(after)); };
  regressor("NONE").input(f32({2, 2}, {1, 2, 3, 1})).expect(f32({2, 1}, {-0.5, 2.5}));
  regressor("LOGISTIC").input(i64({1, 2}, {1, 2})).expect(f32({1, 1}, {1 / (1 + std::exp(0.5))}), 1e-6);
  regressor("PROBIT").input(typed(DType::kF64, {1, 2}, {0.25, 0.5})).expect(f32({1, 1}, {-0.674489750196}), 1e-6);
  regressor("SIGMOID").input(f32({1, 2}, {1, 2})).expect_error("SIGMOID");
  regressor("NONE").input(f32({1, 3}, {1, 2, 3})).expect_error("2 coefficients");
  const auto classifier = [](Floats intercepts) {
    return ml("LinearClassifier").attr("coefficients", Floats{1, -1, 2, 0}).attr("intercepts", std::move(intercepts)).attr("multi_class", int64_t{0}).attr("post_transform", std::string("SOFTMAX")).attr("classlabels_strings", Strings{"n", "p"}).outputs(2);
  };
  const double p = 1 / (1 + std::exp(1.0));
  classifier({0, 0}).input(f32({1, 2}, {0, 1})).expect_all({strings({1}, {"p"}), f32({1, 2}, {1 - 1 / (1 + std::exp(-1.0)), 1 - p})}, 1e-6);
  classifier({0, 0}).input(f32({1, 3}, {0, 1, 2})).expect_error("4 coefficients");
  classifier({0, 0, 0}).input(f32({1, 2}, {0, 1})).expect_error("2 labels");
}

// One split of one feature at 1: yes → 3, no → -5, of class `target`; NaN takes the true branch.
OpRow stump(const char* name, const char* prefix, Strings modes, Ints yes, int64_t target) {
  const std::string p = prefix;
  return ml(name).attr("nodes_treeids", Ints{0, 0, 0}).attr("nodes_nodeids", Ints{0, 1, 2}).attr("nodes_featureids", Ints{0, 0, 0}).attr("nodes_modes", std::move(modes)).attr("nodes_values", Floats{1, 0, 0}).attr("nodes_truenodeids", std::move(yes)).attr("nodes_falsenodeids", Ints{2, 0, 0}).attr("nodes_missing_value_tracks_true", Ints{1, 0, 0}).attr(p + "_treeids", Ints{0, 0}).attr(p + "_nodeids", Ints{1, 2}).attr(p + "_ids", Ints{target, target}).attr(p + "_weights", Floats{3, -5}).attr("post_transform", std::string("NONE"));
}

TEST(ClassicMl, Trees) {
  const auto regressor = [](const char* mode) { return stump("TreeEnsembleRegressor", "target", {mode, "LEAF", "LEAF"}, {1, 0, 0}, 0).attr("n_targets", int64_t{1}).attr("aggregate_function", std::string("SUM")); };
  regressor("BRANCH_LEQ").input(f32({4, 1}, {1, 2, kNan, -kInf})).expect(f32({4, 1}, {3, -5, 3, 3}));
  regressor("BRANCH_NEQ").input(f32({3, 1}, {1, 2, kNan})).expect(f32({3, 1}, {-5, 3, 3}));
  regressor("BRANCH_GT").attr("base_values", Floats{1}).input(i64({2, 1}, {1, 2})).expect(f32({2, 1}, {-4, 4}));
  regressor("BRANCH_GTE").attr("post_transform", std::string("LOGISTIC")).input(typed(DType::kF64, {1, 1}, {1})).expect(f32({1, 1}, {1 / (1 + std::exp(-3.0))}), 1e-6);
  regressor("BRANCH_LEQ").input(f32({0, 1}, {})).expect(f32({0, 1}, {}));
  regressor("BRANCH_MEMBER").input(f32({1, 1}, {1})).expect_error("BRANCH_MEMBER");
  regressor("BRANCH_LEQ").attr("target_ids", Ints{0, 1}).input(f32({1, 1}, {1})).expect_error("out of range");
  regressor("BRANCH_LEQ").attr("nodes_featureids", Ints{1, 0, 0}).input(f32({1, 1}, {1})).expect_error("out of range");
  regressor("BRANCH_LEQ").attr("nodes_truenodeids", Ints{7, 0, 0}).input(f32({1, 1}, {1})).expect_error("node 7");
  regressor("BRANCH_LEQ").attr("nodes_modes", Strings{"BRANCH_LEQ", "BRANCH_LEQ", "LEAF"}).input(f32({1, 1}, {1})).expect_error("no root");
  regressor("BRANCH_LEQ").attr("nodes_values", Floats{1}).input(f32({1, 1}, {1})).expect_error("1 entries");
  const auto classifier = [](int64_t target) { return stump("TreeEnsembleClassifier", "class", {"BRANCH_LEQ", "LEAF", "LEAF"}, {1, 0, 0}, target).attr("classlabels_int64s", Ints{7, 9}).outputs(2); };
  classifier(0).input(f32({2, 1}, {1, 2})).expect_all({i64({2}, {9, 7}), f32({2, 2}, {-3, 3, 5, -5})});
  classifier(1).input(f32({2, 1}, {1, 2})).expect_all({i64({2}, {9, 7}), f32({2, 2}, {0, 3, 0, -5})});
  // Two weighted classes: the higher score decides.
  classifier(0).attr("class_ids", Ints{0, 1}).input(f32({2, 1}, {1, 2})).expect_all({i64({2}, {7, 7}), f32({2, 2}, {3, 0, 0, -5})});
}

// The newer form: leaves apart from nodes, numbers as tensors. Two trees: x0 against 1 gives 3 or -5; x1 in {2, 4}, or against 2, gives 10 or 20.
OpRow ensemble(DType dtype, int64_t mode, int64_t aggregate) {
  OpRow row = ml("TreeEnsemble");
  row.attr("tree_roots", Ints{0, 1}).attr("nodes_featureids", Ints{0, 1}).attr("nodes_splits", typed(dtype, {2}, {1, 2})).attr("nodes_modes", typed(DType::kU8, {2}, {0, static_cast<double>(mode)}));
  row.attr("nodes_truenodeids", Ints{0, 2}).attr("nodes_trueleafs", Ints{1, 1}).attr("nodes_falsenodeids", Ints{1, 3}).attr("nodes_falseleafs", Ints{1, 1});
  row.attr("leaf_targetids", Ints{0, 0, 1, 1}).attr("leaf_weights", typed(dtype, {4}, {3, -5, 10, 20})).attr("n_targets", int64_t{2});
  return row.attr("aggregate_function", aggregate).attr("post_transform", int64_t{0});
}

TEST(ClassicMl, TreeEnsembles) {
  for (const DType dtype : {DType::kF32, DType::kF64}) {
    const Tensor x = typed(dtype, {5, 2}, {1, 2, 2, 1.5, kNan, 4, -kInf, kInf, 0, kNan});
    ensemble(dtype, 0, 1).input(x).expect(typed(dtype, {5, 2}, {3, 10, -5, 10, -5, 20, 3, 20, 3, 20}));
    ensemble(dtype, 0, 0).input(x).expect(typed(dtype, {5, 2}, {1.5, 5, -2.5, 5, -2.5, 10, 1.5, 10, 1.5, 10}));
    ensemble(dtype, 6, 1).attr("membership_values", typed(dtype, {3}, {2, 4, kNan})).input(x).expect(typed(dtype, {5, 2}, {3, 10, -5, 20, -5, 10, 3, 20, 3, 20}));
    ensemble(dtype, 1, 1).attr("nodes_missing_value_tracks_true", Ints{1, 1}).input(x).expect(typed(dtype, {5, 2}, {3, 20, -5, 10, 3, 20, 3, 20, 3, 10}));
    for (const int64_t aggregate : {2, 3}) ensemble(dtype, 0, aggregate).attr("leaf_targetids", Ints{0, 0, 0, 0}).attr("n_targets", int64_t{1}).input(x).expect(typed(dtype, {5, 1}, aggregate == 2 ? std::vector<double>{3, -5, -5, 3, 3} : std::vector<double>{10, 10, 20, 20, 20}));
    ensemble(dtype, 0, 1).input(typed(dtype, {0, 2}, {})).expect(typed(dtype, {0, 2}, {}));
  }
  const Tensor x = f32({1, 2}, {1, 2});
  ensemble(DType::kF32, 9, 1).input(x).expect_error("out of range");
  ensemble(DType::kF32, 0, 1).attr("tree_roots", Ints{0, 7}).input(x).expect_error("out of range");
  ensemble(DType::kF32, 0, 1).attr("nodes_falsenodeids", Ints{1, -1}).input(x).expect_error("out of range");
  ensemble(DType::kF32, 0, 1).attr("nodes_trueleafs", Ints{0, 1}).input(x).expect_error("circle");
  ensemble(DType::kF32, 0, 1).attr("nodes_featureids", Ints{0, 2}).input(x).expect_error("out of range");
}

TEST(ClassicMl, ArrayFeatureExtractor) {
  const auto take = [](Tensor x, Tensor places) { return ml("ArrayFeatureExtractor").input(std::move(x)).input(std::move(places)); };
  take(f32({2, 3}, {1, 2, kNan, 4, 5, 6}), i64({2}, {2, 0})).expect(f32({2, 2}, {kNan, 1, 6, 4}));
  take(f32({3}, {1, 2, 3}), i64({1, 2}, {1, 1})).expect(f32({1, 2}, {2, 2}));
  take(strings({1, 2}, {"a", "b"}), i64({1}, {1})).expect(strings({1, 1}, {"b"}));
  take(i64({2, 1, 2}, {1, 2, 3, 4}), i64({1}, {1})).expect(i64({2, 1, 1}, {2, 4}));
  take(f32({0, 3}, {}), i64({1}, {1})).expect(f32({0, 1}, {}));
  for (const double place : {3.0, -1.0, 1e18}) take(f32({1, 3}, {1, 2, 3}), i64({1}, {place})).expect_error("correct the");
}

TEST(ClassicMl, SupportVectors) {
  const auto regressor = [] { return ml("SVMRegressor").attr("kernel_type", std::string("RBF")).attr("kernel_params", Floats{0.5f, 0, 0}).attr("support_vectors", Floats{1, 2}).attr("coefficients", Floats{2}).attr("rho", Floats{-1}).attr("n_supports", int64_t{1}).attr("one_class", int64_t{0}).attr("post_transform", std::string("NONE")); };
  regressor().input(f32({2, 2}, {1, 2, 2, 2})).expect(f32({2, 1}, {1, 2 * std::exp(-0.5) - 1}), 1e-6);
  regressor().attr("one_class", int64_t{1}).input(i64({2, 2}, {1, 2, 9, 9})).expect(f32({2, 1}, {1, -1}));
  regressor().attr("n_supports", int64_t{2}).input(f32({1, 2}, {1, 2})).expect_error("support vectors");
  regressor().attr("kernel_type", std::string("COSINE")).input(f32({1, 2}, {1, 2})).expect_error("COSINE");
  ml("SVMClassifier").attr("kernel_type", std::string("LINEAR")).attr("post_transform", std::string("NONE")).attr("vectors_per_class", Ints{1, -1}).attr("classlabels_ints", Ints{0, 1}).outputs(2).input(f32({1, 1}, {1})).expect_error("do not fit");
}

}  // namespace
}  // namespace sinter::testing
