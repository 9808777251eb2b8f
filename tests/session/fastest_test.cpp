// Of the permitted precisions the fastest; what --best and --stronglyTyped permit; what the report says of types.
#include "session/fastest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "onnx/tensor_io.h"
#include "session/calibrate.h"
#include "session/latency.h"
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

TEST_F(FastestTest, ValuesPassThroughFloat8WhereRangesAreKnown) {
  BuildRequest request = this->request();
  request.fp8 = true;
  request.calibration = ranges();
  const auto lowered = import_and_optimise(request);
  ASSERT_TRUE(lowered.ok()) << lowered.status().to_string();
  const ir::Model model = onnx::import_model(request.model_path).value();
  const Value x = sinter::session::random_tensor(DType::kF32, {1, 64, 28, 28}, 3).value();
  const auto wanted = ir::evaluate(*lowered->model.graph, {x}), exact = ir::evaluate(*model.graph, {x});
  ASSERT_TRUE(wanted.ok() && exact.ok());
  const auto engine = load_any(request);
  ASSERT_TRUE(engine.ok()) << engine.status().to_string();
  int conversions = 0;
  for (const plan::Step& step : (*engine)->plan().regions[0].steps) conversions += step.tactic == "cpu.quantize";
  EXPECT_EQ(conversions, 4);  // in front of both convolutions, to float8 and back
  const auto context = runtime::ExecutionContext::create(*engine, {});
  ASSERT_TRUE(context.ok());
  const std::vector<Value> inputs{x};
  const auto got = (*context)->run(inputs);
  ASSERT_TRUE(got.ok()) << got.status().to_string();
  const auto a = (*got)[0].tensor().to_f64(), b = (*wanted)[0].tensor().to_f64(), c = (*exact)[0].tensor().to_f64();
  double worst = 0, error = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
    error = std::max(error, std::abs(a[i] - c[i]));
  }
  // Another order of sums can move a value of the middle to the next of float8: one sixteenth of it, times a weight.
  EXPECT_LT(worst, 0.01);
  EXPECT_GT(error, 1e-4);
  EXPECT_LT(error, 0.2);
}

TEST_F(FastestTest, ModelsWithTheirOwnQuantizationAreComparedWhenAsked) {
  test::ModelBuilder model;
  model.input("x", "f32[1,16,12,12]").output("y", "f32[1,16,12,12]");
  Tensor weights(DType::kI8, {16, 16, 3, 3});
  for (int64_t i = 0; i < weights.count(); ++i) weights.data<int8_t>()[i] = static_cast<int8_t>(i * 37 % 255 - 127);
  model.constant("w", weights).constant("s", Tensor::scalar(DType::kF32, 0.02f)).constant("z", Tensor::scalar(DType::kI8, int8_t{0}));
  model.node("QuantizeLinear", {"x", "s", "z"}, {"q"}).node("DequantizeLinear", {"q", "s", "z"}, {"d"}).node("DequantizeLinear", {"w", "s", "z"}, {"f"});
  model.node("Conv", {"d", "f"}, {"y"}, {test::attribute("pads", std::vector<int64_t>{1, 1, 1, 1})});
  BuildRequest request;
  request.model_path = folder.path("qdq.onnx");
  std::ofstream(request.model_path, std::ios::binary) << model.bytes();
  for (const bool asked : {false, true}) {
    request.float_times = asked;
    const auto built = build_model(request);
    ASSERT_TRUE(built.ok()) << built.status().to_string();
    ASSERT_EQ(types(built->report, "QuantizedConv").size(), 1u);
    for (const builder::LayerReport& layer : built->report.layers) {
      if (layer.op == "QuantizedConv") {
        EXPECT_EQ(layer.float_us > 0, asked);
      }
    }
  }
}

TEST_F(FastestTest, ATargetOfTimeTakesFloatsFirst) {
  BuildRequest request = this->request();
  LatencyOptions options;
  options.most_ms = 1e6;
  const auto easy = build_for_latency(request, options);
  ASSERT_TRUE(easy.ok()) << easy.status().to_string();
  EXPECT_TRUE(has(easy->report, "taken"));
  EXPECT_EQ(types(easy->report, "Conv").size(), 2u);
  options.most_ms = 1e-6;
  const auto impossible = build_for_latency(request, options);
  ASSERT_FALSE(impossible.ok());
  const std::string message(impossible.status().message());
  for (const char* part : {"no engine takes at most", "fp32: ", "not tried without samples", "smaller model"}) EXPECT_NE(message.find(part), std::string::npos) << message;
  Tensor samples = sinter::session::random_tensor(DType::kF32, {12, 64, 28, 28}, 5).value();
  ASSERT_TRUE(onnx::write_npy(folder.path("x.npy"), samples).ok());
  options.mixed.calibrate.data = folder.path("x.npy");
  const auto tried = build_for_latency(request, options);
  ASSERT_FALSE(tried.ok());
  EXPECT_NE(tried.status().message().find("int8: "), std::string::npos) << tried.status().message();
  options.mixed.target.min_cosine = 0.9;
  const auto mixed = build_for_latency(request, options);
  ASSERT_FALSE(mixed.ok());
  EXPECT_NE(mixed.status().message().find("with a cosine of at least 0.9"), std::string::npos) << mixed.status().message();
  EXPECT_NE(mixed.status().message().find("int8"), std::string::npos) << mixed.status().message();
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
