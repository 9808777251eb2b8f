// The whole pipeline on small real models: what remains of them, and the same results by reference evaluation. The models are not
// part of the repository: without ../shared the tests are skipped.
#include <gtest/gtest.h>

#include <filesystem>

#include "onnx/import.h"
#include "passes/graph_match.h"
#include "passes/pass.h"

namespace sinter::passes {
namespace {

std::string model_path(const std::string& name) { return std::string(SINTER_SOURCE_DIR) + "/../shared/models/real/" + name; }

std::map<std::string, int> count_ops(const ir::Graph& graph) {
  std::map<std::string, int> counts;
  for (const auto& node : graph.nodes()) ++counts[node->op->full_name() + (node->attributes.has(kEpilogueAttr) ? "+" : "")];
  return counts;
}

// Runs the pipeline and compares results on random inputs; the counts of operators afterwards.
std::map<std::string, int> optimize(const std::string& name, double tolerance, const Bindings& bindings = {}) {
  onnx::ImportOptions options;
  options.dims = bindings;
  auto model = onnx::import_model(model_path(name), options);
  EXPECT_TRUE(model.ok()) << model.status().to_string();
  if (!model.ok()) return {};
  const auto before = model->graph->clone();
  auto report = run_pipeline(*model->graph, {});
  EXPECT_TRUE(report.ok()) << report.status().to_string();
  if (!report.ok()) return {};
  auto again = run_pipeline(*model->graph, {});
  EXPECT_TRUE(again.ok());
  if (again.ok()) {
    EXPECT_EQ(again->patches, 0) << "a second run changes the graph";
  }
  EXPECT_GT(report->patches, 0);
  const auto inputs = testing::random_inputs(*before, bindings, 1, 7);
  auto reference = ir::evaluate(*before, inputs);
  auto result = ir::evaluate(*model->graph, inputs);
  EXPECT_TRUE(reference.ok()) << reference.status().to_string();
  EXPECT_TRUE(result.ok()) << result.status().to_string();
  if (reference.ok() && result.ok()) {
    EXPECT_EQ(testing::compare_values(*result, *reference, tolerance), "");
  }
  return count_ops(*model->graph);
}

TEST(Models, Mnist) {
  if (!std::filesystem::exists(model_path("mnist.onnx"))) GTEST_SKIP() << "no ../shared";
  const auto counts = optimize("mnist.onnx", 1e-4);
  EXPECT_EQ(counts, (std::map<std::string, int>{{"Conv+", 2}, {"MatMul+", 1}, {"MaxPool", 2}, {"Reshape", 1}}));
}

TEST(Models, VersionSlim) {
  if (!std::filesystem::exists(model_path("mnist.onnx"))) GTEST_SKIP() << "no ../shared";
  auto counts = optimize("version-slim-320_without_postprocessing.onnx", 1e-4);
  EXPECT_EQ(counts["BatchNormalization"] + counts["Relu"] + counts["Gather"] + counts["Shape"] + counts["sinter.Pointwise"], 0);
  EXPECT_EQ(counts["Conv"] + counts["Conv+"], 41);  // 42 in the file; two read one image and become one
  EXPECT_EQ(counts["Conv+"], 34);
}

TEST(Models, SileroVad) {
  if (!std::filesystem::exists(model_path("mnist.onnx"))) GTEST_SKIP() << "no ../shared";
  optimize("silero_vad_16k_op15.onnx", 1e-4, {{"batch", 1}, {"sequence", 512}});
}

}  // namespace
}  // namespace sinter::passes
