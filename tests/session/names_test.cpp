// Inputs and outputs of an engine have the model's names, whatever the passes make of the graph.
#include <gtest/gtest.h>

#include <fstream>

#include "session/session.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

TEST(Names, OutputsKeepTheirsWhenIdentitiesGo) {
  test::ModelBuilder model;
  model.input("x", "f32[2,3]").output("y", "f32[2,3]").output("z", "f32[2,3]");
  model.node("Relu", {"x"}, {"r"}).node("Identity", {"r"}, {"y"}).node("Neg", {"r"}, {"n"}).node("Identity", {"n"}, {"z"});
  const sinter::testing::TemporaryFolder folder;
  BuildRequest request;
  request.model_path = folder.path("model.onnx");
  std::ofstream(request.model_path, std::ios::binary) << model.bytes();
  const auto outcome = build_model(request);
  ASSERT_TRUE(outcome.ok()) << outcome.status().to_string();
  const auto& manifest = outcome->contents.manifest;
  ASSERT_EQ(manifest.inputs.size(), 1u);
  EXPECT_EQ(manifest.inputs[0].name, "x");
  ASSERT_EQ(manifest.outputs.size(), 2u);
  EXPECT_EQ(manifest.outputs[0].name, "y");
  EXPECT_EQ(manifest.outputs[1].name, "z");
}

}  // namespace
}  // namespace sinter::session
