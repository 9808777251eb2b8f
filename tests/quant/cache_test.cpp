// TensorRT's calibration cache: exact bytes both ways, and a line number in every refusal.
#include "quant/calibration_cache.h"

#include <gtest/gtest.h>

#include <bit>

#include "support/mutate.h"

namespace sinter::quant {
namespace {

constexpr char kExample[] =
    "TRT-8401-EntropyCalibration2\n"
    "images: 3c010a14\n"
    "scope/a: b:0: 3a000000\n"
    "zero: 0\n"
    "small: 1\n"
    "(Unnamed Layer* 5) [Convolution]_output: 3f800000\n";

TEST(CalibrationCache, ReadsWhatTheReferenceSays) {
  const Result<CalibrationCache> cache = parse_calibration_cache(kExample, "c");
  ASSERT_TRUE(cache.ok()) << cache.status().to_string();
  EXPECT_EQ(cache->version, "8401");
  EXPECT_EQ(cache->algorithm, "EntropyCalibration2");
  ASSERT_EQ(cache->scales.size(), 5u);
  EXPECT_EQ(cache->scales[0].first, "images");
  EXPECT_NEAR(cache->scales[0].second * 127, 1.00025, 1e-5);
  EXPECT_EQ(cache->scales[1].first, "scope/a: b:0");
  EXPECT_EQ(cache->scales[2].second, 0);
  EXPECT_EQ(std::bit_cast<uint32_t>(cache->scales[3].second), 1u);
  EXPECT_EQ(cache->scales[4].second, 1);
  EXPECT_EQ(to_text(*cache).value(), kExample);
  const Calibration calibration = to_calibration(*cache);
  EXPECT_EQ(calibration.ranges.at("(Unnamed Layer* 5) [Convolution]_output"), 127);
}

TEST(CalibrationCache, AnyFirstLineIsAccepted) {
  for (const char* header : {"TRT-101401-MinMaxCalibration", "TRT-7000-LegacyCalibration", "my own: tables", "TRT-"}) {
    const Result<CalibrationCache> cache = parse_calibration_cache(std::string(header) + "\r\nx: 3f800000\r\n", "c");
    ASSERT_TRUE(cache.ok()) << cache.status().to_string();
    EXPECT_EQ(cache->header, header);
    EXPECT_EQ(cache->scales.size(), 1u);
  }
  EXPECT_TRUE(parse_calibration_cache("TRT-8401-EntropyCalibration2", "c").ok());
}

TEST(CalibrationCache, RefusalsNameTheLine) {
  struct Bad {
    const char* text;
    const char* line;
  };
  for (const Bad& bad : {Bad{"", "line 1"}, Bad{"x: 3f800000\n", "line 1"}, Bad{"TRT-1-A\nx 3f800000\n", "line 2"}, Bad{"TRT-1-A\n\nx: 3f80000000\n", "line 3"},
                         Bad{"TRT-1-A\nx: 1.5\n", "line 2"}, Bad{"TRT-1-A\nx: 7f800000\n", "line 2"}, Bad{"TRT-1-A\nx: 7fc00000\n", "line 2"},
                         Bad{"TRT-1-A\nx: bf800000\n", "line 2"}, Bad{"TRT-1-A\nx: 0x3f800000\n", "line 2"}, Bad{"TRT-1-A\nx: \n", "line 2"},
                         Bad{"TRT-1-A\n: 3f800000\n", "line 2"}, Bad{"TRT-1-A\nx: 1\ny: 2\nx: 3\n", "line 4"}}) {
    const Result<CalibrationCache> cache = parse_calibration_cache(bad.text, "file.cache");
    ASSERT_FALSE(cache.ok()) << bad.text;
    EXPECT_NE(cache.status().message().find(bad.line), std::string::npos) << cache.status().message();
    EXPECT_NE(cache.status().message().find("file.cache"), std::string::npos);
  }
}

TEST(CalibrationCache, OursSaysItsAlgorithm) {
  Calibration calibration;
  calibration.ranges = {{"b", 127.0f}, {"a", 0.0f}};
  EXPECT_EQ(to_text(to_cache(calibration, Algorithm::kEntropy)).value(), "TRT-8601-EntropyCalibration2\na: 0\nb: 3f800000\n");
  EXPECT_EQ(to_cache(calibration, Algorithm::kMinMax).algorithm, "MinMaxCalibration");
  calibration.ranges["two\nlines"] = 1;
  EXPECT_FALSE(to_text(to_cache(calibration, Algorithm::kEntropy)).ok());
}

TEST(CalibrationCache, DamagedFilesGiveAnErrorOrTheSameTextAgain) {
  test::Mutator mutator({kExample, "TRT-8601-MinMaxCalibration\na: 3f800000\n"}, 3);
  for (uint64_t i = 0; i < 4000; ++i) {
    const auto mutation = mutator.at(i);
    const Result<CalibrationCache> cache = parse_calibration_cache(mutation.bytes, "c");
    if (!cache.ok()) continue;
    const Result<std::string> text = to_text(*cache);
    if (!text.ok()) continue;  // a name with a carriage return inside
    EXPECT_EQ(parse_calibration_cache(*text, "c").value(), *cache) << mutation.what;
  }
}

}  // namespace
}  // namespace sinter::quant
