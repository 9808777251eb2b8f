// Ranges against a plain computation, straight from the algorithms' definitions.
#include "quant/calibrate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace sinter::quant {
namespace {

struct Case {
  const char* name;
  std::function<std::vector<float>()> values;
};

std::vector<float> draw(size_t count, const std::function<double(std::mt19937&)>& one) {
  std::mt19937 random(11);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(one(random));
  return values;
}

std::vector<Case> hostile_cases() {
  const auto normal = [](std::mt19937& random) { return std::normal_distribution<double>()(random); };
  return {{"normal", [=] { return draw(40000, normal); }},
          {"relu of normal", [=] { return draw(40000, [=](std::mt19937& r) { return std::max(0.0, normal(r)); }); }},
          {"even", [] { return draw(40000, [](std::mt19937& r) { return std::uniform_real_distribution<double>(-1, 1)(r); }); }},
          {"exponential", [] { return draw(40000, [](std::mt19937& r) { return std::exponential_distribution<double>()(r); }); }},
          {"heavy tail", [] { return draw(40000, [](std::mt19937& r) { return std::cauchy_distribution<double>()(r); }); }},
          {"one outlier", [=] { auto v = draw(40000, normal); v[5] = 300; return v; }},
          {"an outlier that hides all", [=] { auto v = draw(40000, normal); v[5] = -1e7f; return v; }},
          {"constant", [] { return std::vector<float>(1000, -3.25f); }},
          {"one value", [] { return std::vector<float>{0.125f}; }},
          {"two values", [] { return std::vector<float>{1, 1, 1, 2}; }},
          {"saturated", [=] { return draw(40000, [=](std::mt19937& r) { return std::min(6.0, std::max(0.0, 4 * normal(r))); }); }}};
}

// Section by section what is written: O(bins^2).
double plain_divergence(const std::vector<double>& bins, size_t i) {
  std::vector<double> p(bins.begin(), bins.begin() + static_cast<std::ptrdiff_t>(i)), q(i, 0.0);
  double clipped = 0;
  for (size_t j = i; j < bins.size(); ++j) clipped += bins[j];
  for (size_t level = 0; level < 128; ++level) {
    double sum = 0, filled = 0;
    for (size_t j = 0; j < i; ++j) {
      if (j * 128 / i == level) sum += bins[j], filled += bins[j] > 0;
    }
    for (size_t j = 0; j < i; ++j) {
      if (j * 128 / i == level && bins[j] > 0) q[j] = sum / filled;
    }
  }
  p.back() += clipped;
  double of_p = 0, of_q = 0, divergence = 0;
  for (size_t j = 0; j < i; ++j) of_p += p[j], of_q += q[j];
  for (size_t j = 0; j < i; ++j) {
    if (p[j] > 0) divergence += q[j] > 0 ? p[j] / of_p * std::log((p[j] / of_p) / (q[j] / of_q)) : std::numeric_limits<double>::infinity();
  }
  return of_q > 0 ? divergence : std::numeric_limits<double>::infinity();
}

TEST(Calibrate, EntropyFindsTheLeastDivergence) {
  for (const Case& test : hostile_cases()) {
    Histogram histogram;
    histogram.add(test.values());
    const float range = choose_range(histogram, {Algorithm::kEntropy});
    std::vector<double> bins(histogram.bins().begin(), histogram.bins().begin() + static_cast<std::ptrdiff_t>(histogram.used_bins()));
    bins[0] = bins[1];
    const double chosen = range / histogram.width() - 0.5;
    double sum = 0;
    for (double bin : bins) sum += bin;
    if (sum == 0) {
      EXPECT_EQ(range, histogram.largest()) << test.name;
      continue;
    }
    ASSERT_NEAR(chosen, std::round(chosen), 1e-2) << test.name;
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = 128; i <= bins.size(); i += 97) least = std::min(least, plain_divergence(bins, i));
    for (double i = std::max(128.0, std::round(chosen) - 5); i <= std::min(static_cast<double>(bins.size()), std::round(chosen) + 5); ++i) {
      least = std::min(least, plain_divergence(bins, static_cast<size_t>(i)));
    }
    const double own = plain_divergence(bins, static_cast<size_t>(std::round(chosen)));
    EXPECT_LE(own, least + 1e-9) << test.name;
    EXPECT_LE(range, histogram.largest() * 1.001) << test.name;
    EXPECT_GT(range, 0) << test.name;
  }
}

TEST(Calibrate, EntropyTakesTheLastOfEqualMinima) {
  Histogram histogram;
  histogram.add(std::vector<float>(1000, 3.25f));
  EXPECT_NEAR(choose_range(histogram, {Algorithm::kEntropy}), 3.25 * 2048.5 / 2048, 1e-5);
}

double plain_error(const std::vector<float>& values, double range) {
  double sum = 0;
  for (float value : values) {
    const double q = std::min(127.0, std::nearbyint(std::fabs(static_cast<double>(value)) * 127 / range)) * range / 127;
    sum += (std::fabs(value) - q) * (std::fabs(value) - q);
  }
  return sum / static_cast<double>(values.size());
}

// Seventeen greys: no range tells them apart better than another, so none may be cut off.
TEST(Calibrate, EntropyKeepsAllOfAFewDistinctValues) {
  for (int most = 3; most < 40; ++most) {
    Histogram histogram;
    std::vector<float> values;
    for (int i = 0; i <= most; ++i) values.insert(values.end(), static_cast<size_t>(7 + i * 13 % 11), static_cast<float>(i) / static_cast<float>(most));
    histogram.add(values);
    EXPECT_NEAR(choose_range(histogram, {Algorithm::kEntropy}), 1, 1e-3) << most;
  }
}

// What an image leaves behind a GlobalAveragePool: so few values that most bins hold one or none, and any cut looks as good as none.
TEST(Calibrate, EntropyCutsOffNoMoreOfFewValuesThanTheLeastErrorDoes) {
  for (const size_t count : {20, 256, 4000}) {
    const std::vector<float> values = draw(count, [](std::mt19937& r) { return std::fabs(std::normal_distribution<double>(0.3, 0.1)(r)); });
    Histogram histogram;
    histogram.add(values);
    const float entropy = choose_range(histogram, {Algorithm::kEntropy}), mse = choose_range(histogram, {Algorithm::kMse});
    EXPECT_GE(entropy, mse) << count;
    EXPECT_LE(plain_error(values, entropy), 1.2 * plain_error(values, mse)) << count;
  }
}

TEST(Calibrate, MseIsNearTheLeastErrorOfTheValuesThemselves) {
  for (const Case& test : hostile_cases()) {
    const std::vector<float> values = test.values();
    Histogram histogram;
    histogram.add(values);
    const double range = choose_range(histogram, {Algorithm::kMse});
    double least = plain_error(values, histogram.largest());
    for (size_t i = 1; i < histogram.used_bins(); i += 13) least = std::min(least, plain_error(values, static_cast<double>(i) * histogram.width()));
    // A value is known to a bin's width only: its error, at most half a step, may be off by that.
    const double slack = histogram.width() * (histogram.width() + range / 127);
    EXPECT_LE(plain_error(values, range), least * 1.02 + slack) << test.name;
    EXPECT_NEAR(quantization_error(histogram, range), plain_error(values, range), 0.05 * plain_error(values, range) + slack) << test.name;
  }
}

TEST(Calibrate, PercentileIsTheSmallestEdgeThatCovers) {
  for (const Case& test : hostile_cases()) {
    const std::vector<float> values = test.values();
    Histogram histogram;
    histogram.add(values);
    for (double percent : {50.0, 99.0, 99.9, 99.99, 100.0}) {
      const double range = choose_range(histogram, {Algorithm::kPercentile, percent});
      const auto covered = [&](double edge) {
        size_t count = 0;
        for (float value : values) count += std::fabs(static_cast<double>(value)) <= edge * (1 + 1e-6);
        return 100.0 * static_cast<double>(count) / static_cast<double>(values.size());
      };
      EXPECT_GE(covered(range), percent - 1e-9) << test.name;
      EXPECT_TRUE(range <= histogram.width() * 1.000001 || covered(range - 1.01 * histogram.width()) < percent) << test.name << " " << percent << " " << range;
    }
    EXPECT_FLOAT_EQ(choose_range(histogram, {Algorithm::kPercentile, 100}), histogram.largest()) << test.name;
    EXPECT_EQ(choose_range(histogram, {Algorithm::kMinMax}), histogram.largest()) << test.name;
  }
}

TEST(Calibrate, NothingAndZerosHaveNoRange) {
  Histogram nothing, zeros, wrong;
  zeros.add(std::vector<float>(100, 0.0f));
  wrong.add(std::vector<float>(100, std::numeric_limits<float>::quiet_NaN()));
  for (Algorithm algorithm : {Algorithm::kEntropy, Algorithm::kMinMax, Algorithm::kPercentile, Algorithm::kMse}) {
    EXPECT_EQ(choose_range(nothing, {algorithm}), 0);
    EXPECT_EQ(choose_range(zeros, {algorithm}), 0);
    EXPECT_EQ(choose_range(wrong, {algorithm}), 0);
    EXPECT_EQ(parse_algorithm(algorithm_name(algorithm)), algorithm);
  }
  EXPECT_FALSE(parse_algorithm("kl").has_value());
}

}  // namespace
}  // namespace sinter::quant
