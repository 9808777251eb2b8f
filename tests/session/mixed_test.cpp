// Automatic mixed precision on a network whose channels differ a hundredfold: what is tried and kept, and that targets hold or are errors.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "onnx/tensor_io.h"
#include "session/mixed_precision.h"
#include "session/run.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

class MixedTest : public ::testing::Test {
 protected:
  // x [1,3,32,32] → Conv to 32 channels of sizes 1 to 128 → Relu → depthwise Conv → Relu → Conv to 64, pooled, MatMul.
  MixedTest() {
    test::ModelBuilder model;
    model.input("x", "f32[1,3,32,32]").output("y", "f32[1,10]");
    const auto filled = [](Dims dims, uint64_t seed) {
      Tensor tensor = random_tensor(DType::kF32, dims, seed).value();
      for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] -= 0.45f;
      return tensor;
    };
    Tensor first = filled({32, 3, 3, 3}, 1), last = filled({64, 32, 1, 1}, 3);
    for (int64_t i = 0; i < first.count(); ++i) first.data<float>()[i] *= std::pow(2.0f, static_cast<float>(i / 27 % 8));
    for (int64_t i = 0; i < last.count(); ++i) last.data<float>()[i] *= std::pow(2.0f, -static_cast<float>(i % 32 % 8));
    model.constant("w1", first).constant("w2", filled({32, 1, 3, 3}, 2)).constant("w3", last).constant("w4", filled({64, 10}, 4)).constant("flat", Tensor::from_i64({1, 64}));
    const std::vector<onnx::AttributeProto> pads{test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1})};
    model.node("Conv", {"x", "w1"}, {"a"}, pads).node("Relu", {"a"}, {"r"});
    model.node("Conv", {"r", "w2"}, {"d"}, {test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1}), test::attribute("group", 32)}).node("Relu", {"d"}, {"s"});
    model.node("Conv", {"s", "w3"}, {"c"}).node("Relu", {"c"}, {"t"}).node("GlobalAveragePool", {"t"}, {"g"}).node("Reshape", {"g", "flat"}, {"f"}).node("MatMul", {"f", "w4"}, {"y"});
    request.model_path = folder.path("model.onnx");
    request.build.threads = 1;
    request.build.precision.int8 = true;
    std::ofstream(request.model_path, std::ios::binary) << model.bytes();
    EXPECT_TRUE(onnx::write_npy(folder.path("x.npy"), filled({12, 3, 32, 32}, 9)).ok());
    options.calibrate.data = folder.path("x.npy");
    request.build.timing_cache = folder.path("timings");
  }
  static bool has(const std::vector<std::string>& lines, const std::string& part, const std::string& not_there = "\n") {
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.find(part) != line.npos && line.find(not_there) == line.npos; });
  }
  testing::TemporaryFolder folder;
  BuildRequest request;
  MixedOptions options;
};

TEST_F(MixedTest, UnequalChannelsAreEqualized) {
  options.target.min_cosine = 0.9;
  const auto made = build_mixed(request, options);
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_TRUE(has(made->report.steps, "equalized (alpha 0.5)", "not kept"));
  EXPECT_GE(made->report.result.cosine, 0.9);
  EXPECT_EQ(made->report.dense_layers, 4);
  EXPECT_TRUE(made->report.result.finite);
}

TEST_F(MixedTest, ACheckDecidesBesideTheFigures) {
  std::vector<std::string> asked;
  bool answer = true;
  options.target.check = [&](const std::string& path) -> Result<bool> {
    EXPECT_TRUE(runtime::Engine::load(path, {engine::Verify::kFull, 0}).ok());
    asked.push_back(path);
    return answer;
  };
  EXPECT_TRUE(build_mixed(request, options).ok());
  ASSERT_FALSE(asked.empty());
  EXPECT_FALSE(std::filesystem::exists(asked[0]));  // nothing is left behind
  answer = false;
  const auto none = build_mixed(request, options);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.status().code(), Code::kUnsupported);
  EXPECT_NE(none.status().message().find("the check"), std::string::npos) << none.status().message();
  options.target.check = [](const std::string&) -> Result<bool> { return make_error(Code::kCancelled, "no power"); };
  EXPECT_EQ(build_mixed(request, options).status().code(), Code::kCancelled);
}

TEST_F(MixedTest, NothingMayBeLostLeavesRoomForRounding) {
  options.target.max_drop = 0;
  const auto made = build_mixed(request, options);
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  EXPECT_EQ(made->report.result.agree, made->report.result.samples);
}

}  // namespace
}  // namespace sinter::session
