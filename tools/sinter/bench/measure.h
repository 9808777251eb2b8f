// The core of bench: runs something until its times are steady, then measures it. Its own cost is two readings of the clock and a store a run.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sinter::tool {

using Run = std::function<void()>;

struct WarmUp {
  double ms = 0;
  int64_t runs = 0;
  bool judged = false;  // whether it went on until times were steady
  bool steady = false;
  double spread = 0;    // of the last windows' medians, as a share
};
// For `exact_ms` where that is not negative; else until the medians of three windows in a row lie within 2 %, for `most_ms` at most (but three windows).
// By how much the last three windows' medians differ, as a share of the least; infinity before there are three.
double spread_of_last(const std::vector<double>& medians);
WarmUp warm_up(const Run& run, double exact_ms, double most_ms);
std::string warm_up_text(const WarmUp& warm);

// Times of single runs in ms, one after the other for `seconds`, at least `fewest`.
std::vector<double> measure(const Run& run, double seconds, size_t fewest);

struct Summary {
  double min = 0, mean = 0, std = 0, median = 0, p90 = 0, p95 = 0, p99 = 0, max = 0;
  double spread() const { return median > 0 ? (p95 - min) / median : 0; }
};
Summary summarise(std::vector<double> ms);
// Linear interpolation between order statistics.
double percentile(const std::vector<double>& sorted, double share);
double median_of(std::vector<double> values);

// Mean of a/b over rounds in which both were measured, with its 95 % confidence interval (Student's, of the logarithms).
struct Ratio {
  double value = 1, low = 1, high = 1;
  size_t rounds = 0;
  bool differs() const { return low > 1 || high < 1; }
};
Ratio ratio_of(const std::vector<double>& a, const std::vector<double>& b);

// Runs two things in turns for about `seconds` and at least `rounds` times each, each turn's order opposite to the one before. Medians of the turns, in ms.
struct Turns {
  std::vector<double> a, b;        // a median a turn
  std::vector<double> a_ms, b_ms;  // every run
};
Turns take_turns(const Run& a, const Run& b, double seconds, size_t rounds);

}  // namespace sinter::tool
