// Of the permitted precisions the fastest; what --best and --stronglyTyped permit; what the report says of types.
#include "session/fastest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "session/calibrate.h"
#include "session/run.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

class FastestTest : public ::testing::Test {
 protected:
  // Large enough for 8 bits to pay: two 3x3 convolutions of 64 channels, then a sigmoid in f32.
  BuildRequest request(const std::string& dtype = "f32") {
    test::ModelBuilder model;
    model.input("x", dtype + "[1,64,28,28]").output("y", dtype + "[1,64,28,28]");
    const DType type = parse_dtype(dtype).value();
    for (const char* name : {"w1", "w2"}) {
      Tensor weights = sinter::session::random_tensor(DType::kF32, {64, 64, 3, 3}, name[1]).value();
      for (int64_t i = 0; i < weights.count(); ++i) weights.data<float>()[i] = (weights.data<float>()[i] - 0.5f) * 0.2f;
      model.constant(name, type == DType::kF32 ? weights : weights.cast(type));
    }
    const std::vector<onnx::AttributeProto> pads{test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1})};
    model.node("Conv", {"x", "w1"}, {"c1"}, pads).node("Relu", {"c1"}, {"r1"}).node("Conv", {"r1", "w2"}, {"c2"}, pads).node("Sigmoid", {"c2"}, {"y"});
    BuildRequest request;
    request.model_path = folder.path("model.onnx");
    std::ofstream(request.model_path, std::ios::binary) << model.bytes();
    request.build.timing_cache = folder.path("timings");
    return request;
  }
  static std::shared_ptr<const quant::Calibration> ranges() {
    auto calibration = std::make_shared<quant::Calibration>();
    for (const char* name : {"x", "r1", "c2", "y"}) calibration->ranges[name] = 4;
    return calibration;
  }
  static bool has(const builder::BuildReport& report, const std::string& part) {
    return std::any_of(report.notes.begin(), report.notes.end(), [&](const std::string& line) { return line.find(part) != std::string::npos; });
  }
  static std::vector<std::string> types(const builder::BuildReport& report, const std::string& op) {
    std::vector<std::string> found;
    for (const builder::LayerReport& layer : report.layers) {
      if (layer.op == op) found.push_back(layer.precision());
    }
    return found;
  }
  testing::TemporaryFolder folder;
};

TEST_F(FastestTest, NarrowFloatsThatNothingMultipliesAreNotUsed) {
  BuildRequest request = this->request();
  request.build.precision.fp16 = request.build.precision.bf16 = true;
  const auto built = build_model(request);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_TRUE(has(built->report, "fp32: predicted")) << built->report.to_text();
  EXPECT_TRUE(has(built->report, "fp16: ")) << built->report.to_text();
  EXPECT_TRUE(has(built->report, "bf16: ")) << built->report.to_text();
  for (const std::string& type : types(built->report, "Conv")) EXPECT_NE(type, "f16/f32/f32");
}

TEST_F(FastestTest, Int8IsComparedWithFloatAndSaysWhatItGains) {
  BuildRequest request = this->request();
  request.build.precision.int8 = true;
  request.calibration = ranges();
  const auto built = build_model(request);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_TRUE(has(built->report, "fp32: predicted"));
  EXPECT_TRUE(has(built->report, "int8 and fp32: predicted"));
  EXPECT_TRUE(has(built->report, "chosen"));
  for (const builder::LayerReport& layer : built->report.layers) {
    if (layer.op != "QuantizedConv") continue;
    EXPECT_EQ(layer.compute, "i8");
    EXPECT_EQ(layer.accumulate, "i32");
    EXPECT_GT(layer.float_us, 0) << layer.name;
    EXPECT_EQ(layer.float_type, "f32");
  }
  const std::string json = built->report.to_json();
  EXPECT_NE(json.find("\"accumulate\""), std::string::npos);
  // The sum that was chosen is the least of those that were tried.
  request.fastest = false;
  const auto lowest = build_model(request);
  ASSERT_TRUE(lowest.ok());
  EXPECT_EQ(types(lowest->report, "QuantizedConv").size(), 2u);
  EXPECT_LE(built->report.predicted_us, 1.3 * lowest->report.predicted_us);
}

TEST_F(FastestTest, AnObeyedConstraintIsNoChoice) {
  BuildRequest request = this->request();
  request.build.precision.int8 = true;
  request.calibration = ranges();
  request.constraints.mode = builder::ConstraintMode::kObey;
  request.constraints.precisions = builder::parse_constraints("c1:int8,c2:fp16", false, "--layerPrecisions").value();
  const auto built = build_model(request);
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_EQ(types(built->report, "QuantizedConv").size(), 1u);
  EXPECT_EQ(types(built->report, "Conv"), std::vector<std::string>{"f16/f32/f32"});
}

TEST_F(FastestTest, BestTakesInt8OnlyWhereRangesAreKnown) {
  BuildRequest request = this->request();
  request.build.precision.int8 = true;
  EXPECT_FALSE(resolve_int8(request, {}).ok());
  request.int8_where_known = true;
  ASSERT_TRUE(resolve_int8(request, {}).ok());
  EXPECT_FALSE(request.build.precision.int8);
  const auto built = build_model(request);
  ASSERT_TRUE(built.ok());
  EXPECT_TRUE(has(built->report, "nothing says ranges"));
}

TEST_F(FastestTest, TypesOfTheModelStayWithoutFlags) {
  const auto built = build_model(request("f16"));
  ASSERT_TRUE(built.ok()) << built.status().to_string();
  EXPECT_EQ(types(built->report, "Conv"), (std::vector<std::string>{"f16/f32/f32", "f16/f32/f32"}));
  for (const engine::IoInfo& output : built->contents.manifest.outputs) EXPECT_EQ(output.type.dtype, DType::kF16);
}

TEST_F(FastestTest, EnginesRunAlternately) {
  const auto load = [&](const BuildRequest& request) {
    auto built = build_model(request);
    return runtime::Engine::from_contents(std::move(built->contents), engine::Verify::kTarget).value();
  };
  const auto small = load(request());
  const auto times = measure_alternately({small, small}, 1);
  ASSERT_TRUE(times.ok()) << times.status().to_string();
  EXPECT_GT((*times)[0], 0);
  EXPECT_LT((*times)[0], 20 * (*times)[1]);
}

}  // namespace
}  // namespace sinter::session
