// Types of single layers through whole builds: with int8 and without, obeyed, preferred and ignored.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "onnx/tensor_io.h"
#include "session/calibrate.h"
#include "session/run.h"
#include "session/session.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

Tensor filled(Dims dims, uint64_t seed) {
  Tensor tensor = sinter::session::random_tensor(DType::kF32, dims, seed).value();
  for (int64_t i = 0; i < tensor.count(); ++i) tensor.data<float>()[i] = (tensor.data<float>()[i] - 0.5f) * 2;
  return tensor;
}

class ConstraintsTest : public ::testing::Test {
 protected:
  // Nodes without names: theirs are made of the tensors "c1", "r1", "c2".
  BuildRequest request() {
    test::ModelBuilder model;
    model.input("x", "f32[1,16,8,8]").output("y", "f32[1,16,8,8]");
    model.constant("w1", filled({16, 16, 3, 3}, 1)).constant("w2", filled({16, 16, 3, 3}, 2));
    const std::vector<onnx::AttributeProto> pads{test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1})};
    model.node("Conv", {"x", "w1"}, {"c1"}, pads).node("Relu", {"c1"}, {"r1"}).node("Conv", {"r1", "w2"}, {"c2"}, pads).node("Sigmoid", {"c2"}, {"y"});
    BuildRequest request;
    request.model_path = folder.path("model.onnx");
    std::ofstream(request.model_path, std::ios::binary) << model.bytes();
    request.build.timing_cache = folder.path("timings");
    return request;
  }
  // Ranges of all but the named tensor.
  std::shared_ptr<const quant::Calibration> ranges(const std::string& without = "") {
    auto calibration = std::make_shared<quant::Calibration>();
    for (const char* name : {"x", "r1", "c2", "y"}) {
      if (name != without) calibration->ranges[name] = 8;
    }
    return calibration;
  }
  static builder::Constraints asked(builder::ConstraintMode mode, std::string_view precisions) {
    builder::Constraints constraints;
    constraints.mode = mode;
    constraints.precisions = builder::parse_constraints(precisions, false, "--layerPrecisions").value();
    return constraints;
  }
  static int quantized(const ir::Graph& graph) {
    return static_cast<int>(std::count_if(graph.nodes().begin(), graph.nodes().end(), [](const auto& node) { return node->op->name == "QuantizedConv"; }));
  }
  testing::TemporaryFolder folder;
};

using builder::ConstraintMode;

TEST_F(ConstraintsTest, PinnedLayersAreNotQuantized) {
  BuildRequest request = this->request();
  request.build.precision.int8 = true;
  request.calibration = ranges();
  EXPECT_EQ(quantized(*import_and_optimise(request)->model.graph), 2);
  for (const char* type : {"fp32", "fp16", "bf16"}) {
    request.constraints = asked(ConstraintMode::kObey, std::string("c1:") + type);
    const auto lowered = import_and_optimise(request);
    ASSERT_TRUE(lowered.ok()) << lowered.status().to_string();
    EXPECT_EQ(quantized(*lowered->model.graph), 1) << type;
    const auto built = build_lowered(*lowered, request);
    EXPECT_TRUE(built.ok()) << built.status().to_string();
  }
  request.constraints = {};
  request.constraints.floats = {"c2"};
  EXPECT_EQ(quantized(*import_and_optimise(request)->model.graph), 1);
  request.constraints.floats = {"c3"};
  const auto unknown = import_and_optimise(request);
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.status().message().find("'c2'"), std::string::npos) << unknown.status().message();
}

TEST_F(ConstraintsTest, Int8WithoutARangeCannotBeObeyed) {
  BuildRequest request = this->request();
  request.build.precision.int8 = true;
  request.calibration = ranges("r1");
  request.constraints = asked(ConstraintMode::kObey, "Conv*:int8");
  const auto refused = build_model(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("no range for 'r1'"), std::string::npos) << refused.status().message();
  request.constraints.mode = ConstraintMode::kPrefer;
  const auto built = build_model(request);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_EQ(std::count_if(built->report.notes.begin(), built->report.notes.end(), [](const std::string& line) { return line.starts_with("constraint not kept"); }), 1);
  request.constraints.mode = ConstraintMode::kNone;
  EXPECT_TRUE(build_model(request).ok());
  request.calibration = ranges();
  request.constraints.mode = ConstraintMode::kObey;
  EXPECT_TRUE(build_model(request).ok());
}

TEST_F(ConstraintsTest, Int8IsNotPermittedByAName) {
  BuildRequest request = this->request();
  request.constraints = asked(ConstraintMode::kObey, "c2:int8");
  const auto refused = build_model(request);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("give --int8"), std::string::npos) << refused.status().message();
}

}  // namespace
}  // namespace sinter::session
