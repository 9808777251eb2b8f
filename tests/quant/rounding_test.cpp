// Rounding with feedback against exhaustive search on small problems, and against nearest rounding on correlated data.
#include "quant/rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace sinter::quant {
namespace {

SecondMoment moment_of(int64_t size, int vectors, double common, uint32_t seed) {
  SecondMoment moment(size);
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> x(static_cast<size_t>(size));
  for (int v = 0; v < vectors; ++v) {
    const float shared = normal(random) * static_cast<float>(common);
    for (float& value : x) value = shared + normal(random);
    moment.add(x.data());
  }
  return moment;
}

double error_of(const SecondMoment& moment, const std::vector<float>& weights, const std::vector<int>& values, float scale) {
  double sum = 0;
  for (int64_t i = 0; i < moment.size(); ++i) {
    for (int64_t j = 0; j < moment.size(); ++j) {
      sum += moment.at(i, j) * (weights[i] - values[i] * scale) * (weights[j] - values[j] * scale);
    }
  }
  return sum;
}

TEST(Rounding, NearTheBestOfAllRoundings) {
  const int64_t size = 8;
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const SecondMoment moment = moment_of(size, 200, 2, seed);
    std::mt19937 random(seed + 100);
    std::uniform_real_distribution<float> uniform(-5, 5);
    std::vector<float> weights(size);
    for (float& weight : weights) weight = uniform(random);
    const float scale = 1;
    double best = INFINITY;
    for (int choice = 0; choice < 1 << size; ++choice) {
      std::vector<int> values;
      for (int64_t i = 0; i < size; ++i) values.push_back(static_cast<int>(std::floor(weights[i])) + (choice >> i & 1));
      best = std::min(best, error_of(moment, weights, values, scale));
    }
    const Rounding rounding = round_with_feedback(weights.data(), &scale, 1, moment);
    EXPECT_LE(rounding.error, rounding.nearest_error);
    const std::vector<int> values(rounding.values.begin(), rounding.values.end());
    EXPECT_NEAR(error_of(moment, weights, values, scale), rounding.error, 1e-3 * rounding.error + 1e-9);
    EXPECT_LE(rounding.error, 3 * best + 1e-9) << seed;
  }
}

TEST(Rounding, CorrelatedDataGainsMuch) {
  const int64_t size = 64, rows = 16;
  const SecondMoment moment = moment_of(size, 500, 3, 5);
  std::mt19937 random(9);
  std::normal_distribution<float> normal;
  std::vector<float> weights(size * rows), scales(rows);
  for (float& weight : weights) weight = normal(random);
  for (float& scale : scales) scale = 4.0f / 127;
  const Rounding rounding = round_with_feedback(weights.data(), scales.data(), rows, moment);
  EXPECT_LT(rounding.error, 0.5 * rounding.nearest_error);
}

TEST(Rounding, DataThatIsAlwaysZeroIsHarmless) {
  SecondMoment moment(3);
  const float weights[] = {1.4f, -200, 0.5f}, scale = 1, zeros[] = {0, 0, 0};
  moment.add(zeros);
  const Rounding rounding = round_with_feedback(weights, &scale, 1, moment);
  EXPECT_EQ(rounding.values, (std::vector<int8_t>{1, -127, 0}));
}

}  // namespace
}  // namespace sinter::quant
