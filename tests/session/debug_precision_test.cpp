// The search for layers to blame: on made-up checks, and on a network one of whose layers can't be in int8.
#include "session/debug_precision.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/files.h"
#include "onnx/tensor_io.h"
#include "session/run.h"
#include "support/model_builder.h"
#include "support/temporary.h"

namespace sinter::session {
namespace {

using Places = std::vector<size_t>;

// Passes when all of `needed` are there.
PlaceCheck needs(const Places& needed, int& checks) {
  return [needed, &checks](const Places& places) -> Result<bool> {
    EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
    ++checks;
    return std::includes(places.begin(), places.end(), needed.begin(), needed.end());
  };
}

TEST(SmallestSet, IsWhatTheCheckNeeds) {
  for (const Places& needed : {Places{}, {0}, {63}, {0, 63}, {3, 4, 5}, {1, 17, 40}, {0, 1, 2, 3, 4, 5, 6, 7}}) {
    int checks = 0;
    const auto found = smallest_passing_set(64, needs(needed, checks));
    ASSERT_TRUE(found.ok());
    EXPECT_EQ(*found, needed);
    EXPECT_LE(checks, 70);
  }
}

TEST(SmallestSet, NoOneOfItCanBeLeftOut) {
  // Any three of the first ten, whatever else is there.
  const auto three = [](const Places& places) -> Result<bool> { return std::count_if(places.begin(), places.end(), [](size_t place) { return place < 10; }) >= 3; };
  EXPECT_EQ(smallest_passing_set(50, three)->size(), 3u);
  // Either of two pairs.
  const auto pairs = [](const Places& places) -> Result<bool> {
    const auto has = [&](size_t place) { return std::find(places.begin(), places.end(), place) != places.end(); };
    return (has(2) && has(30)) || (has(8) && has(9));
  };
  EXPECT_EQ(*smallest_passing_set(31, pairs), (Places{8, 9}));
  const auto broken = [](const Places&) -> Result<bool> { return make_error(Code::kIo, "no disk"); };
  EXPECT_EQ(smallest_passing_set(5, broken).status().code(), Code::kIo);
  EXPECT_TRUE(smallest_passing_set(0, broken)->empty());
}

// x [1,8] → six products with Relu between; one of them reads values of which one channel is a thousand times the others, and weighs it a thousandth.
class DebugPrecision : public ::testing::Test {
 protected:
  DebugPrecision() {
    test::ModelBuilder model;
    model.input("x", "f32[1,8]").output("y", "f32[1,8]");
    std::string last = "x";
    for (int layer = 0; layer < 6; ++layer) {
      Tensor weights = random_tensor(DType::kF32, {8, 8}, static_cast<uint64_t>(layer)).value();
      for (int64_t i = 0; i < 64; ++i) {
        weights.data<float>()[i] -= 0.35f;
        if (layer == 2 && i % 8 == 0) weights.data<float>()[i] = 400;
        if (layer == 3 && i / 8 == 0) weights.data<float>()[i] /= 10000;
      }
      const std::string name = fmt::format("w{}", layer), product = fmt::format("p{}", layer), next = layer == 5 ? "y" : fmt::format("r{}", layer);
      model.constant(name, weights).node("MatMul", {last, name}, {product}).node("Relu", {product}, {next});
      last = next;
    }
    request.model_path = folder.path("model.onnx");
    request.build.threads = 1;
    request.build.precision.int8 = true;
    request.build.timing_cache = folder.path("timings");
    std::ofstream(request.model_path, std::ios::binary) << model.bytes();
    Tensor samples = random_tensor(DType::kF32, {32, 8}, 9).value();
    EXPECT_TRUE(onnx::write_npy(folder.path("x.npy"), samples).ok());
    options.calibrate.data = folder.path("x.npy");
    options.calibrate.ranges.algorithm = quant::Algorithm::kMinMax;
  }
  testing::TemporaryFolder folder;
  BuildRequest request;
  DebugOptions options;
};

TEST_F(DebugPrecision, NamesTheLayerThatReadsWhatEightBitsCantHold) {
  options.max_error = 0.1;
  const auto report = debug_precision(request, options);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  ASSERT_EQ(report->layers.size(), 1u) << report->flag;
  EXPECT_EQ(report->flag, "--float-layers " + report->layers[0]);
  EXPECT_EQ(report->candidates, 6);
  // The flag does what it says.
  BuildRequest kept = request;
  kept.constraints.floats = report->layers;
  ASSERT_TRUE(resolve_int8(kept, options.calibrate).ok());
  BuildRequest plain = request;
  plain.build.precision.int8 = false;
  const auto low = load_any(kept), high = load_any(plain);
  ASSERT_TRUE(low.ok() && high.ok()) << low.status().to_string();
  const auto probe = open_probe(*high, {options.calibrate.data, "", "", 100}, 1);
  EXPECT_LE(probe->measure(*low)->relative_error, 0.1);
  // A target that int8 meets has nobody to blame.
  options.max_error = 1e9;
  const auto none = debug_precision(request, options);
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->layers.empty());
  EXPECT_EQ(none->flag, "");
}

TEST_F(DebugPrecision, ACommandDecidesAndASearchGoesOn) {
  options.state = folder.path("state");
  int asked = 0;
  options.check = [&](const std::string& path) -> Result<bool> {
    if (++asked == 4) return make_error(Code::kCancelled, "power cut");
    const auto engine = runtime::Engine::load(path, {engine::Verify::kFull, 0});
    EXPECT_TRUE(engine.ok());
    if (!engine.ok()) return engine.status();
    // Good: w3 is there in floats.
    for (const plan::Step& step : (*engine)->plan().regions[0].steps) {
      if (step.problem.op == "QuantizedMatMul" && std::find(step.source_nodes.begin(), step.source_nodes.end(), "p3") != step.source_nodes.end()) return false;
      if (step.problem.op == "QuantizedMatMul" && step.name.find("p3") != std::string::npos) return false;
    }
    return true;
  };
  const auto stopped = debug_precision(request, options);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.status().code(), Code::kCancelled);
  ASSERT_TRUE(std::filesystem::exists(options.state));
  const auto report = debug_precision(request, options);
  ASSERT_TRUE(report.ok()) << report.status().to_string();
  EXPECT_GE(report->remembered, 3);
  EXPECT_EQ(report->checks, asked - 4);
  ASSERT_EQ(report->layers.size(), 1u);
  EXPECT_NE(report->layers[0].find("p3"), std::string::npos);
  // Of another search, or no state at all.
  options.check = nullptr;
  options.min_cosine = 0.9;
  EXPECT_NE(debug_precision(request, options).status().message().find("another search"), std::string::npos);
  ASSERT_TRUE(write_file(options.state, "something else\n").ok());
  EXPECT_EQ(debug_precision(request, options).status().code(), Code::kInvalidArgument);
}

TEST_F(DebugPrecision, MistakesAreNamed) {
  const auto message = [&](auto change) {
    BuildRequest changed = request;
    DebugOptions other = options;
    other.min_cosine = 0.99;
    change(changed, other);
    const auto report = debug_precision(changed, other);
    return report.ok() ? std::string() : report.status().message();
  };
  EXPECT_NE(message([](BuildRequest&, DebugOptions& o) { o.min_cosine.reset(); }).find("no check"), std::string::npos);
  EXPECT_NE(message([](BuildRequest&, DebugOptions& o) { o.max_error = 1; }).find("several checks"), std::string::npos);
  EXPECT_NE(message([](BuildRequest& r, DebugOptions&) { r.build.precision.int8 = false; }).find("--int8"), std::string::npos);
  EXPECT_NE(message([](BuildRequest&, DebugOptions& o) { o.calibrate.data.clear(); }).find("--data"), std::string::npos);
  EXPECT_NE(message([](BuildRequest&, DebugOptions& o) { o.min_cosine.reset(), o.check = [](const std::string&) -> Result<bool> { return false; }; }).find("in float already"),
            std::string::npos);
}

}  // namespace
}  // namespace sinter::session
