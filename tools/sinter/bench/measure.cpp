#include "measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>

namespace sinter::tool {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSteady = 0.02, kWindowMs = 40;
constexpr size_t kWindows = 3, kRunsOfWindow = 3;
constexpr size_t kReserved = 1 << 16;

double ms_between(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

// Student's 97.5th percentile.
double student(size_t freedom) {
  const double n = static_cast<double>(std::max<size_t>(1, freedom));
  if (freedom <= 1) return 12.71;
  if (freedom == 2) return 4.30;
  return 1.96 + 2.37 / n + 2.82 / (n * n) + 2.2 / (n * n * n);
}

}  // namespace

double spread_of_last(const std::vector<double>& medians) {
  if (medians.size() < kWindows) return std::numeric_limits<double>::infinity();
  const auto [least, most] = std::minmax_element(medians.end() - kWindows, medians.end());
  return *least > 0 ? *most / *least - 1 : 0;
}

WarmUp warm_up(const Run& run, double exact_ms, double most_ms) {
  WarmUp result;
  const auto start = Clock::now();
  if (exact_ms >= 0) {
    for (; result.ms < exact_ms; ++result.runs) {
      run();
      result.ms = ms_between(start, Clock::now());
    }
    return result;
  }
  result.judged = true;
  std::vector<double> medians;
  while (medians.size() < kWindows || (!result.steady && result.ms < most_ms)) {
    std::vector<double> window = measure(run, kWindowMs / 1000, kRunsOfWindow);
    result.runs += static_cast<int64_t>(window.size());
    medians.push_back(median_of(std::move(window)));
    result.ms = ms_between(start, Clock::now());
    result.spread = spread_of_last(medians);
    result.steady = result.spread <= kSteady;
  }
  return result;
}

std::string warm_up_text(const WarmUp& warm) {
  char text[160];
  if (!warm.judged) std::snprintf(text, sizeof(text), "%.0f ms, %lld runs, as asked", warm.ms, static_cast<long long>(warm.runs));
  else if (warm.steady) std::snprintf(text, sizeof(text), "steady after %.0f ms, %lld runs (the last windows within %.1f %%)", warm.ms, static_cast<long long>(warm.runs), 100 * warm.spread);
  else std::snprintf(text, sizeof(text), "not steady after %.0f ms, %lld runs: the last windows still differ by %.1f %%", warm.ms, static_cast<long long>(warm.runs), 100 * warm.spread);
  return text;
}

std::vector<double> measure(const Run& run, double seconds, size_t fewest) {
  std::vector<double> ms;
  ms.reserve(kReserved);
  const auto start = Clock::now();
  for (auto before = start; ms.size() < fewest || ms_between(start, before) < seconds * 1000;) {
    run();
    const auto after = Clock::now();
    ms.push_back(ms_between(before, after));
    before = after;
  }
  return ms;
}

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (place - static_cast<double>(below));
}

double median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return percentile(values, 0.5);
}

Summary summarise(std::vector<double> ms) {
  Summary result;
  if (ms.empty()) return result;
  std::sort(ms.begin(), ms.end());
  result.mean = std::accumulate(ms.begin(), ms.end(), 0.0) / static_cast<double>(ms.size());
  double squares = 0;
  for (const double value : ms) squares += (value - result.mean) * (value - result.mean);
  result.std = std::sqrt(squares / static_cast<double>(ms.size()));
  result.min = ms.front();
  result.max = ms.back();
  result.median = percentile(ms, 0.5);
  result.p90 = percentile(ms, 0.9);
  result.p95 = percentile(ms, 0.95);
  result.p99 = percentile(ms, 0.99);
  return result;
}

Ratio ratio_of(const std::vector<double>& a, const std::vector<double>& b) {
  Ratio ratio;
  ratio.rounds = std::min(a.size(), b.size());
  if (ratio.rounds == 0) return ratio;
  std::vector<double> logs;
  for (size_t i = 0; i < ratio.rounds; ++i) logs.push_back(std::log(std::max(a[i], 1e-12) / std::max(b[i], 1e-12)));
  const double n = static_cast<double>(logs.size());
  const double mean = std::accumulate(logs.begin(), logs.end(), 0.0) / n;
  double squares = 0;
  for (const double value : logs) squares += (value - mean) * (value - mean);
  const double error = logs.size() > 1 ? student(logs.size() - 1) * std::sqrt(squares / (n - 1) / n) : 0;
  ratio.value = std::exp(mean);
  ratio.low = std::exp(mean - error);
  ratio.high = std::exp(mean + error);
  return ratio;
}

Turns take_turns(const Run& a, const Run& b, double seconds, size_t rounds) {
  Turns turns;
  const auto start = Clock::now();
  const double turn = std::max(0.001, seconds / static_cast<double>(2 * std::max<size_t>(1, rounds)));
  for (size_t round = 0; round < rounds || ms_between(start, Clock::now()) < seconds * 1000; ++round) {
    for (int side = 0; side < 2; ++side) {
      const bool first = (side == 0) == (round % 2 == 0);
      std::vector<double> ms = measure(first ? a : b, turn, 3);
      (first ? turns.a : turns.b).push_back(median_of(ms));
      auto& all = first ? turns.a_ms : turns.b_ms;
      all.insert(all.end(), ms.begin(), ms.end());
    }
  }
  return turns;
}

}  // namespace sinter::tool
