// Histograms against plain counting in double precision.
#include "quant/histogram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace sinter::quant {
namespace {

std::vector<float> normal_values(size_t count, uint32_t seed, float scale = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

uint64_t sum_of(const std::vector<uint64_t>& bins) {
  uint64_t sum = 0;
  for (uint64_t bin : bins) sum += bin;
  return sum;
}

TEST(Histogram, CountsLikePlainCounting) {
  for (size_t count : {size_t{1}, size_t{7}, size_t{1000}, size_t{100001}}) {
    std::vector<float> values = normal_values(count, 1);
    for (size_t i = 0; i < count; i += 3) values[i] = 0;
    values.back() = -9;
    Histogram histogram;
    histogram.add(values);
    ASSERT_EQ(histogram.bins().size(), 2048u);
    EXPECT_DOUBLE_EQ(histogram.width(), 9.0 / 2048);
    std::vector<uint64_t> expected(2048);
    int64_t near_edge = 0;
    for (float value : values) {
      const double place = std::fabs(static_cast<double>(value)) * 2048 / 9;
      if (std::fabs(place - std::round(place)) < 1e-3) ++near_edge;
      ++expected[std::min<size_t>(2047, static_cast<size_t>(place))];
    }
    int64_t different = 0;
    for (size_t i = 0; i < 2048; ++i) different += std::abs(static_cast<int64_t>(expected[i]) - static_cast<int64_t>(histogram.bins()[i]));
    EXPECT_LE(different, 2 * near_edge);
    EXPECT_EQ(histogram.count(), static_cast<int64_t>(count));
    EXPECT_EQ(histogram.min(), -9);
    EXPECT_EQ(histogram.largest(), 9);
    EXPECT_EQ(sum_of(histogram.bins()), count);
    EXPECT_EQ(histogram.zeros(), static_cast<int64_t>((count + 2) / 3) - (count % 3 == 1 ? 1 : 0));
  }
}

TEST(Histogram, TheTeamChangesNothing) {
  const auto pool = make_thread_pool(3);
  Histogram alone, together;
  for (uint32_t batch = 0; batch < 6; ++batch) {
    const std::vector<float> values = normal_values(70001, batch, 1 + static_cast<float>(batch * batch));
    alone.add(values);
    together.add(values, *pool);
  }
  EXPECT_EQ(alone, together);
  EXPECT_EQ(sum_of(alone.bins()), 6 * 70001u);
}

TEST(Histogram, GrowsByBinsThenByMergingPairs) {
  Histogram histogram;
  histogram.add(std::vector<float>{1});
  EXPECT_EQ(histogram.bins().size(), 2048u);
  histogram.add(std::vector<float>{1.5f});
  EXPECT_EQ(histogram.bins().size(), 3072u);
  EXPECT_DOUBLE_EQ(histogram.width(), 1.0 / 2048);
  EXPECT_EQ(histogram.bins()[3071], 1u);
  histogram.add(std::vector<float>{-5});
  EXPECT_DOUBLE_EQ(histogram.width(), 4.0 / 2048);  // 2560 bins of it reach 5
  EXPECT_LE(histogram.bins().size(), 4096u);
  EXPECT_EQ(histogram.bins()[2559], 1u);
  EXPECT_EQ(histogram.bins()[511] + histogram.bins()[512], 1u);
  histogram.add(std::vector<float>{std::numeric_limits<float>::max()});
  EXPECT_LE(histogram.bins().size(), 4096u);
  EXPECT_EQ(sum_of(histogram.bins()), 4u);
  EXPECT_EQ(histogram.bins()[0], 3u);
}

TEST(Histogram, ZerosBeforeTheFirstValueAreKept) {
  Histogram histogram;
  histogram.add(std::vector<float>(100, 0.0f));
  EXPECT_TRUE(histogram.bins().empty());
  EXPECT_TRUE(histogram.constant());
  histogram.add(std::vector<float>{-0.0f, 2});
  EXPECT_EQ(histogram.zeros(), 101);
  EXPECT_EQ(histogram.bins()[0], 101u);
  EXPECT_FALSE(histogram.constant());
}

TEST(Histogram, NotANumberAndInfinityAreCountedApart) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (size_t size : {size_t{40}, size_t{40000}}) {
    std::vector<float> values(size, 0.5f);
    values[3] = nan, values[size - 1] = -inf, values[17] = -nan, values[size / 2] = -1;
    for (int batches = 1; batches <= 2; ++batches) {
      Histogram histogram;
      for (int batch = 0; batch < batches; ++batch) histogram.add(values);
      EXPECT_EQ(histogram.not_numbers(), 2 * batches);
      EXPECT_EQ(histogram.infinities(), batches);
      EXPECT_EQ(histogram.count(), static_cast<int64_t>(size - 3) * batches);
      EXPECT_EQ(histogram.largest(), 1);
      EXPECT_EQ(sum_of(histogram.bins()), static_cast<uint64_t>(histogram.count()));
    }
  }
  Histogram nothing;
  nothing.add(std::vector<float>{nan, inf});
  EXPECT_EQ(nothing.count(), 0);
  EXPECT_EQ(nothing.largest(), 0);
}

TEST(Histogram, HostileSizesOfValues) {
  for (float value : {std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::min(), 1e-31f, std::numeric_limits<float>::max()}) {
    Histogram histogram;
    histogram.add(std::vector<float>(20000, value));
    histogram.add(std::vector<float>{value / 2, -value});
    EXPECT_EQ(sum_of(histogram.bins()), 20002u) << value;
    EXPECT_EQ(histogram.largest(), value);
    histogram.add(std::vector<float>{std::numeric_limits<float>::max()});
    EXPECT_EQ(sum_of(histogram.bins()), 20003u) << value;
  }
}

TEST(Histogram, MergeOfEqualWidthsIsExactAndOfOthersByMiddles) {
  const std::vector<float> a = normal_values(5000, 1), b = normal_values(5000, 2);
  Histogram whole, first, second;
  whole.add(a), whole.add(b);
  first.add(a);
  second.add(a);  // the same width
  Histogram twice = first;
  twice.merge(second);
  EXPECT_EQ(twice.count(), 10000);
  for (size_t i = 0; i < 2048; ++i) EXPECT_EQ(twice.bins()[i], 2 * first.bins()[i]);
  Histogram wide;
  wide.add(std::vector<float>{0, 100, 50});
  Histogram one = first, other = wide;
  one.merge(wide), other.merge(first);
  EXPECT_EQ(one, other);
  EXPECT_EQ(one.count(), 5003);
  EXPECT_EQ(one.zeros(), 1);
  EXPECT_EQ(sum_of(one.bins()), 5003u);
  Histogram zeros, merged;
  zeros.add(std::vector<float>(10, 0.0f));
  merged.merge(zeros), merged.merge(first), merged.merge(zeros), merged.merge(Histogram());
  EXPECT_EQ(merged.zeros(), 20 + first.zeros());
  EXPECT_EQ(sum_of(merged.bins()), 5020u);
  EXPECT_EQ(merged.min(), first.min());
}

TEST(Histogram, TextKeepsEverything) {
  Histogram histogram;
  EXPECT_EQ(Histogram::parse(histogram.to_text()).value(), histogram);
  histogram.add(std::vector<float>(3, 0.0f));
  EXPECT_EQ(Histogram::parse(histogram.to_text()).value(), histogram);
  histogram.add(normal_values(30000, 5));
  histogram.add(normal_values(30000, 6, 1.4f));
  const Result<Histogram> back = Histogram::parse(histogram.to_text());
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(*back, histogram);
}

TEST(Histogram, DamagedTextIsRefused) {
  Histogram histogram;
  histogram.add(normal_values(100, 7));
  const std::string text = histogram.to_text();
  for (size_t length = 0; length < text.size(); ++length) {
    const Result<Histogram> cut = Histogram::parse(text.substr(0, length));
    EXPECT_TRUE(!cut.ok() || cut->bins().empty() || sum_of(cut->bins()) == static_cast<uint64_t>(cut->count())) << length;
  }
  for (const char* bad : {"", "x", "-1 0 0 0 0x0p+0 0x0p+0 0x0p+0 0", "1 0 0 0 0x0p+0 0x1p+0 0x1p-11 2048", "1 0 0 0 0x0p+0 0x1p+0 0x1p-11 99999999 0:1",
                          "1 0 0 0 0x0p+0 0x1p+0 0x1p-11 2048 2048:1", "1 0 0 0 0x0p+0 0x1p+0 nan 2048 0:1", "1 0 0 0 0x0p+0 0x1p+9 0x1p-11 2048 0:1"}) {
    EXPECT_FALSE(Histogram::parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace sinter::quant
