// The measuring core of bench: what it costs, when times count as steady, and the statistics.
#include "bench/measure.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "charts.h"

namespace sinter::tool {
namespace {

void spin(double us) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double, std::micro>(us);
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST(Measure, ItsOwnCostIsUnderAMicrosecondARun) {
  const tool::Run nothing = [] {};
  double best = 1e9;
  for (int i = 0; i < 20; ++i) {
    const std::vector<double> ms = measure(nothing, 0.01, 1000);
    best = std::min(best, summarise(ms).mean);  // everything between one run and the next is in the mean
  }
  RecordProperty("overhead_ns", static_cast<int>(best * 1e6));
  std::printf("overhead %.0f ns a run\n", best * 1e6);
  EXPECT_LT(best, 0.001);
}

TEST(Measure, TimesAreWhatRunsTake) {
  const std::vector<double> ms = measure([] { spin(300); }, 0.05, 10);
  EXPECT_GE(ms.size(), 10u);
  EXPECT_GE(summarise(ms).min, 0.3);
  EXPECT_LT(summarise(ms).min, 0.33);
  EXPECT_EQ(measure([] { spin(10); }, 0, 7).size(), 7u);
}

TEST(Measure, WarmUpEndsWhenTimesAreSteady) {
  EXPECT_TRUE(std::isinf(spread_of_last({1, 1})));
  EXPECT_NEAR(spread_of_last({9, 4, 3, 2}), 1, 1e-12);  // still falling
  EXPECT_NEAR(spread_of_last({9, 4, 2, 2.02, 2.01}), 0.01, 1e-12);
  const WarmUp even = warm_up([] { spin(200); }, -1, 20000);
  EXPECT_TRUE(even.judged);
  EXPECT_EQ(even.steady, even.spread <= 0.02);
  EXPECT_NE(warm_up_text(even).find("steady after"), std::string::npos);
}

TEST(Measure, WarmUpGivesUpOnTimesThatAreNeverSteady) {
  int runs = 0;
  const WarmUp never = warm_up([&] { spin(100 * (1 + runs++ / 40 % 7)); }, -1, 100);
  EXPECT_FALSE(never.steady && never.ms > 5000);
  int exact_runs = 0;
  const WarmUp exact = warm_up([&] { ++exact_runs; spin(100); }, 5, 1);
  EXPECT_FALSE(exact.judged);
  EXPECT_GE(exact.ms, 5);
  EXPECT_EQ(exact.runs, exact_runs);
  EXPECT_EQ(warm_up([&] { ++exact_runs; }, 0, 1).runs, 0);
}

TEST(Measure, Statistics) {
  const Summary summary = summarise({5, 1, 3, 2, 4});
  EXPECT_DOUBLE_EQ(summary.median, 3);
  EXPECT_DOUBLE_EQ(summary.min, 1);
  EXPECT_DOUBLE_EQ(summary.max, 5);
  EXPECT_DOUBLE_EQ(summary.mean, 3);
  EXPECT_DOUBLE_EQ(summary.std, std::sqrt(2));
  EXPECT_DOUBLE_EQ(summary.p90, 4.6);
  EXPECT_DOUBLE_EQ(summarise({}).median, 0);
  EXPECT_DOUBLE_EQ(median_of({1, 2}), 1.5);
}

TEST(Measure, RatiosAndTheirIntervals) {
  const Ratio same = ratio_of({1.0, 1.1, 0.9, 1.05}, {1.0, 1.0, 1.0, 1.0});
  EXPECT_FALSE(same.differs());
  const Ratio half = ratio_of({1.0, 1.02, 0.99, 1.01}, {2.0, 2.01, 2.0, 1.99});
  EXPECT_TRUE(half.differs());
  EXPECT_NEAR(half.value, 0.5, 0.01);
  EXPECT_LT(half.low, half.value);
  EXPECT_GT(half.high, half.value);
  EXPECT_GT(half.low, 0.47);
  // Four turns: Student's 3.18 of three degrees of freedom.
  const Ratio spread = ratio_of({std::exp(0.1), std::exp(-0.1), std::exp(0.1), std::exp(-0.1)}, {1, 1, 1, 1});
  EXPECT_NEAR(std::log(spread.high), 3.182 * 0.11547 / 2, 0.005);
  EXPECT_EQ(ratio_of({}, {}).rounds, 0u);
  EXPECT_FALSE(ratio_of({1}, {2}).differs() && ratio_of({1}, {2}).low == 0);
}

TEST(Measure, TurnsAlternate) {
  std::string order;
  const Turns turns = take_turns([&] { order += 'a'; spin(50); }, [&] { order += 'b'; spin(100); }, 0.01, 4);
  EXPECT_GE(turns.a.size(), 4u);
  EXPECT_EQ(turns.a.size(), turns.b.size());
  EXPECT_EQ(order[0], 'a');
  EXPECT_NE(order.find("bb"), order.npos);  // the second turn begins with what the first ended with
  EXPECT_LT(ratio_of(turns.a, turns.b).value, 0.9);
}

TEST(Charts, HistogramsCountEveryValue) {
  std::vector<double> values(1000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 100);
  values.push_back(1e9);
  const Chart chart = histogram("h", "ms", values, 20);
  double total = 0;
  for (const auto& count : chart.lines.at(0).values) total += *count;
  EXPECT_DOUBLE_EQ(total, 1001);
  EXPECT_EQ(chart.lines[0].values.size(), 20u);
  EXPECT_TRUE(histogram("h", "ms", {}, 20).lines.empty());
  EXPECT_EQ(histogram("h", "ms", {2, 2, 2}, 20).xs.size(), 2u);
}

TEST(Charts, TextIsEscapedAndNothingIsLoaded) {
  const std::string page = page_html("<script>&\x01\xff", table_html({{"a<b"}, {"\"c\""}}) + bars_svg({"t<", {{"layer<>&", 1, "x<"}, {"", 0, ""}}}));
  EXPECT_EQ(page.find("<script"), page.npos);
  EXPECT_EQ(page.find("layer<>"), page.npos);
  EXPECT_EQ(page.find("src="), page.npos);
  EXPECT_EQ(page.find("href="), page.npos);
  EXPECT_NE(page.find("width=device-width"), page.npos);
  EXPECT_NE(charts_svg({}).find("no samples"), std::string::npos);
}

}  // namespace
}  // namespace sinter::tool
