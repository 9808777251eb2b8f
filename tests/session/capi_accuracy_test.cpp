// Calibration and accuracy through the public headers.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sinter/sinter.hpp>

#include "session/sample_model.h"
#include "support/temporary.h"

namespace sinter {
namespace {

class PublicAccuracy : public ::testing::Test {
 protected:
  PublicAccuracy() { std::ofstream(model, std::ios::binary) << test::product_model(); }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  testing::TemporaryFolder folder;
  const std::string model = folder.path("model.onnx"), engine = folder.path("model.engine"), cache = folder.path("c.cache");
};

TEST_F(PublicAccuracy, AFunctionCalibratesABuild) {
  BuildOptions options;
  options.int8 = 1;
  options.calib_cache = cache.c_str();
  options.calib_algorithm = "minmax";
  std::vector<float> batch(3 * 8);
  const int64_t dims[] = {3, 8};
  int calls = 0;
  options.calibrate_with([&](std::vector<sinter_tensor>& inputs) {
    EXPECT_EQ(inputs.size(), 1u);
    if (++calls > 4) return false;
    std::fill(batch.begin(), batch.end(), 0.1f * static_cast<float>(calls));
    inputs[0] = {SINTER_F32, 2, dims, batch.data(), batch.size() * sizeof(float), 24};
    return true;
  });
  const BuildOptions copy = options;
  ASSERT_NO_THROW(build(model, engine, copy));
  EXPECT_EQ(calls, 5);
  const std::string text = read(cache);
  EXPECT_TRUE(text.starts_with("TRT-8601-MinMaxCalibration\n")) << text;
  EXPECT_NE(text.find("x: 3b4e"), std::string::npos) << text;  // 0.4 / 127
  // The cache does for the next build.
  ASSERT_NO_THROW(build(model, engine, copy));
  EXPECT_EQ(calls, 5);
}

TEST_F(PublicAccuracy, AFunctionThatThrowsEndsTheBuild) {
  BuildOptions options;
  options.int8 = 1;
  options.calibrate_with([](std::vector<sinter_tensor>&) -> bool { throw std::runtime_error("no camera"); });
  EXPECT_THROW(build(model, engine, options), Error);
  EXPECT_EQ(read(engine), "");
}

TEST_F(PublicAccuracy, MistakesInOptionsAreErrors) {
  const auto message = [&](auto change) {
    BuildOptions options;
    options.int8 = 1;
    change(options);
    return sinter_build(model.c_str(), &options, engine.c_str()) == SINTER_OK ? std::string() : std::string(sinter_last_error());
  };
  EXPECT_NE(message([](BuildOptions&) {}).find("--calib-data"), std::string::npos);
  EXPECT_NE(message([](BuildOptions& o) { o.calib_algorithm = "kl"; }).find("found 'kl'"), std::string::npos);
  EXPECT_NE(message([](BuildOptions& o) { o.calib_batch = -1; }).find("negative"), std::string::npos);
  EXPECT_NE(message([&](BuildOptions& o) { o.calib_data = model.c_str(), o.calib_algorithm = "percentile", o.calib_percentile = 200; }).find("percentile 200"), std::string::npos);
  char* out = nullptr;
  EXPECT_EQ(sinter_calibrate_json(model.c_str(), nullptr, &out), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_eval_json(model.c_str(), nullptr, nullptr, &out), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_compare_json(model.c_str(), "/nowhere/at/all", nullptr, nullptr, &out, nullptr), SINTER_NOT_FOUND);
}

TEST_F(PublicAccuracy, PrecisionsThatExcludeEachOther) {
  const auto built = [&](auto change) {
    BuildOptions options;
    change(options);
    return sinter_build(model.c_str(), &options, engine.c_str()) == SINTER_OK ? std::string() : std::string(sinter_last_error());
  };
  EXPECT_NE(built([](BuildOptions& o) { o.best = o.strongly_typed = 1; }).find("leave one of them out"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.fp8 = o.int8 = 1; }).find("--fp8 and --int8"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.fp8 = 1; }).find("fp8: nothing says the ranges"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.latency_ms = 1, o.strongly_typed = 1; }).find("--latency"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.max_drop = 0.1, o.strongly_typed = 1; }).find("--stronglyTyped"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.precision_constraints = "always"; }).find("none, prefer or obey"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.layer_precisions = "a:half"; }).find("'half' is no type"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.precision_constraints = "obey", o.layer_precisions = "nobody:fp16"; }).find("nearest names"), std::string::npos);
  EXPECT_NE(built([](BuildOptions& o) { o.latency_ms = 1e-7; }).find("no engine takes at most"), std::string::npos);
  EXPECT_EQ(read(engine), "");
  EXPECT_EQ(built([](BuildOptions& o) { o.best = 1; }), "");
  EXPECT_EQ(built([](BuildOptions& o) { o.strongly_typed = o.fp16 = 1; }), "");
  EXPECT_EQ(built([](BuildOptions& o) { o.latency_ms = 1e6; }), "");
}

TEST_F(PublicAccuracy, AModelComparesWithItself) {
  char *json = nullptr, *text = nullptr;
  ASSERT_EQ(sinter_compare_json(model.c_str(), model.c_str(), nullptr, nullptr, &json, &text), SINTER_OK) << sinter_last_error();
  EXPECT_NE(std::string(json).find("\"verdict\": \"same\""), std::string::npos) << json;
  EXPECT_NE(std::string(text).find("verdict: same"), std::string::npos) << text;
  sinter_free(json);
  sinter_free(text);
}

}  // namespace
}  // namespace sinter
