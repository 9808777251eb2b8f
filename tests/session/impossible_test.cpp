// A branch that the given shapes forbid: it builds without a fallback, is named in the report, and fails only when it is taken.
#include <gtest/gtest.h>

#include <fstream>

#include "engine/engine_file.h"
#include "runtime/context.h"
#include "session/session.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

TEST(Impossible, BranchesFailWhenTaken) {
  onnx::GraphProto possible, impossible;
  *possible.add_node() = test::node("Relu", {"x"}, {"a"});
  *possible.add_output() = test::value_info("a", "f32[2,3]");
  *impossible.add_node() = test::node("MatMul", {"x", "w"}, {"product"});
  *impossible.add_node() = test::node("Neg", {"product"}, {"negative"});
  *impossible.add_node() = test::node("Relu", {"negative"}, {"b"});
  *impossible.add_output() = test::value_info("b", "f32[2,5]");
  test::ModelBuilder model;
  model.input("x", "f32[2,3]").input("c", "bool[]").output("y", "f32[2,n]").constant("w", Tensor::from_f32(std::vector<float>(20, 1), {4, 5}));
  model.node("If", {"c"}, {"y"}, {test::attribute("then_branch", possible), test::attribute("else_branch", impossible)});
  const testing::TemporaryFolder folder;
  BuildRequest request;
  request.model_path = folder.path("model.onnx");
  std::ofstream(request.model_path, std::ios::binary) << model.bytes();
  request.build.fallback = builder::Fallback::kError;
  const auto built = build_model(request);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_EQ(built->report.reference_layers, 0);
  ASSERT_EQ(built->report.notes.size(), 1u);
  EXPECT_NE(built->report.notes[0].find("impossible: 'MatMul_product' (MatMul f32[2,3] f32[4,5]"), std::string::npos) << built->report.notes[0];

  const auto bytes = engine::write_engine(built->contents);
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  const auto engine = runtime::Engine::from_memory(*bytes);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  const auto context = runtime::ExecutionContext::create(*engine, {});
  ASSERT_TRUE(context.ok()) << context.status().to_string();
  const Tensor x = Tensor::from_f32({-1, 2, -3, 4, -5, 6}, {2, 3});
  const auto taken = (*context)->run(std::vector<Value>{Value(x), Value(Tensor::scalar(DType::kBool, true))});
  ASSERT_TRUE(taken.ok()) << taken.status().to_string();
  EXPECT_EQ((*taken)[0].tensor().to_f64(), (std::vector<double>{0, 2, 0, 4, 0, 6}));
  const auto refused = (*context)->run(std::vector<Value>{Value(x), Value(Tensor::scalar(DType::kBool, false))});
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().to_string().find("MatMul_product"), std::string::npos) << refused.status().to_string();
}

}  // namespace
}  // namespace sinter::session
