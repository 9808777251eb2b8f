#include "quant/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace sinter::quant {
namespace {

constexpr int kLevels = 128;         // non-negative steps of a symmetric 8-bit value, 0 included
constexpr double kLargestStep = 127;

struct Named {
  Algorithm algorithm;
  std::string_view name, cache;
};
constexpr Named kNames[] = {{Algorithm::kEntropy, "entropy", "EntropyCalibration2"},
                            {Algorithm::kMinMax, "minmax", "MinMaxCalibration"},
                            {Algorithm::kPercentile, "percentile", "LegacyCalibration"},
                            {Algorithm::kMse, "mse", "EntropyCalibration2"}};

// Kullback-Leibler divergence of `i` bins, with all above them put into the last, from the same bins at 128 levels:
//   P = bins, Q = a level's sum / its bins that are not empty, where P is not empty. Both normalised, D = sum P log(P / Q).
// A level's part of the sum is S log(S / n), so that with prefix sums a candidate costs 128 logarithms whatever its number of bins.
class Divergence {
 public:
  explicit Divergence(const std::vector<double>& bins) : bins_(bins), sums_(bins.size() + 1), filled_(bins.size() + 1), entropy_(bins.size() + 1) {
    for (size_t i = 0; i < bins.size(); ++i) {
      sums_[i + 1] = sums_[i] + bins[i];
      filled_[i + 1] = filled_[i] + (bins[i] > 0 ? 1 : 0);
      entropy_[i + 1] = entropy_[i] + (bins[i] > 0 ? bins[i] * std::log(bins[i]) : 0);
    }
  }
  double total() const { return sums_.back(); }

  double at(size_t i) const {
    const double all = total(), kept = sums_[i], clipped = all - kept, last = bins_[i - 1];
    // P is not empty where Q is: infinitely far.
    if (kept <= 0 || (clipped > 0 && last <= 0)) return std::numeric_limits<double>::infinity();
    double cross = 0;
    size_t begin = 0;
    for (size_t level = 0; level < kLevels; ++level) {
      const size_t end = ((level + 1) * i + kLevels - 1) / kLevels;  // the first bin with index * 128 / i > level
      const double sum = sums_[end] - sums_[begin];
      if (sum > 0) {
        const double log_q = std::log(sum / (filled_[end] - filled_[begin]));
        cross += sum * log_q;
        if (level == kLevels - 1) cross += clipped * log_q;
      }
      begin = end;
    }
    const double own = entropy_[i] - (last > 0 ? last * std::log(last) : 0) + (last + clipped > 0 ? (last + clipped) * std::log(last + clipped) : 0);
    return (own - cross) / all - std::log(all) + std::log(kept);
  }

 private:
  const std::vector<double>& bins_;
  std::vector<double> sums_, filled_, entropy_;
};

// Of a few distinct values (pixels of small images) every level holds at most one, so that all candidates are at distance 0 up to rounding.
constexpr double kTie = 1e-9;

double entropy_range(const Histogram& histogram) {
  const size_t used = histogram.used_bins();
  std::vector<double> bins(histogram.bins().begin(), histogram.bins().begin() + static_cast<std::ptrdiff_t>(used));
  // Exact zeros (after a ReLU, half of all) would outweigh everything.
  if (bins.size() > 1) bins[0] = bins[1];
  const Divergence divergence(bins);
  if (divergence.total() <= 0) return histogram.largest();
  size_t best = used;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = kLevels; i <= used; ++i) {
    const double d = divergence.at(i);
    if (d <= least + kTie) best = i;  // the largest of those that are equally near
    least = std::min(least, d);
  }
  return (static_cast<double>(best) + 0.5) * histogram.width();
}

double percentile_range(const Histogram& histogram, double percentile) {
  const double wanted = static_cast<double>(histogram.count()) * percentile / 100;
  double sum = 0;
  const auto& bins = histogram.bins();
  for (size_t i = 0; i < bins.size(); ++i) {
    sum += static_cast<double>(bins[i]);
    if (sum >= wanted && sum > 0) return std::min(static_cast<double>(i + 1) * histogram.width(), static_cast<double>(histogram.largest()));
  }
  return histogram.largest();
}

// Sums of 1, x and x^2 over all values up to a point, taking values as even within their bin (exact zeros, which quantize without error, left out).
class Moments {
 public:
  explicit Moments(const Histogram& histogram) : width_(histogram.width()), count_(histogram.used_bins()), at_(count_ + 1) {
    for (size_t i = 0; i < count_; ++i) {
      auto values = static_cast<double>(histogram.bins()[i]);
      if (i == 0) values -= static_cast<double>(histogram.zeros());
      density_.push_back(values / width_);
      at_[i + 1] = at_[i];
      add(at_[i + 1], density_[i], static_cast<double>(i) * width_, static_cast<double>(i + 1) * width_);
    }
  }
  using Sums = std::array<double, 3>;
  Sums up_to(double x) const {
    if (x >= static_cast<double>(count_) * width_) return at_.back();
    const size_t bin = std::min(count_ - 1, static_cast<size_t>(x / width_));
    Sums sums = at_[bin];
    add(sums, density_[bin], static_cast<double>(bin) * width_, x);
    return sums;
  }

 private:
  static void add(Sums& sums, double density, double a, double b) {
    if (density <= 0 || b <= a) return;
    sums[0] += density * (b - a);
    sums[1] += density * (b - a) * (a + b) / 2;
    sums[2] += density * (b - a) * (a * a + a * b + b * b) / 3;
  }
  double width_;
  size_t count_;
  std::vector<double> density_;
  std::vector<Sums> at_;
};

// Sum of squared errors with this range: each step k takes what lies within half a step of it, the last all beyond.
double squared_error(const Moments& moments, double range) {
  const double step = range / kLargestStep;
  double error = 0;
  Moments::Sums before{};
  for (int k = 0; k <= static_cast<int>(kLargestStep); ++k) {
    const Moments::Sums after = moments.up_to(k < static_cast<int>(kLargestStep) ? (k + 0.5) * step : std::numeric_limits<double>::max());
    const double value = k * step;
    error += (after[2] - before[2]) - 2 * value * (after[1] - before[1]) + value * value * (after[0] - before[0]);
    before = after;
  }
  return std::max(error, 0.0);
}

double mse_range(const Histogram& histogram) {
  const Moments moments(histogram);
  const size_t used = histogram.used_bins();
  double best = histogram.largest(), least = squared_error(moments, best);
  for (size_t i = 1; i < used; ++i) {
    const double range = static_cast<double>(i) * histogram.width();
    const double error = squared_error(moments, range);
    if (error < least) least = error, best = range;
  }
  return best;
}

}  // namespace

std::string_view algorithm_name(Algorithm algorithm) {
  for (const Named& named : kNames) {
    if (named.algorithm == algorithm) return named.name;
  }
  return "";
}

std::optional<Algorithm> parse_algorithm(std::string_view name) {
  for (const Named& named : kNames) {
    if (named.name == name) return named.algorithm;
  }
  return std::nullopt;
}

std::string_view cache_algorithm(Algorithm algorithm) {
  for (const Named& named : kNames) {
    if (named.algorithm == algorithm) return named.cache;
  }
  return "";
}

std::string to_string(const RangeOptions& options) {
  if (options.algorithm == Algorithm::kPercentile) return fmt::format("percentile {}", options.percentile);
  return std::string(algorithm_name(options.algorithm));
}

namespace {

// Values a bin on average from which on a histogram tells a distribution. What GlobalAveragePool leaves of a few hundred images is less, and any cut is as near
// to such bins as none: a range by entropy was a third of the values' there.
constexpr int64_t kLeastValues = int64_t{8} * Histogram::kFirstBins;

double entropy_or_wider(const Histogram& histogram) {
  const double range = entropy_range(histogram);
  return histogram.count() < kLeastValues ? std::max(range, mse_range(histogram)) : range;
}

}  // namespace

float choose_range(const Histogram& histogram, const RangeOptions& options) {
  if (histogram.count() == 0 || histogram.largest() == 0) return 0;
  const auto range = [&] {
    switch (options.algorithm) {
      case Algorithm::kEntropy: return entropy_or_wider(histogram);
      case Algorithm::kMinMax: return static_cast<double>(histogram.largest());
      case Algorithm::kPercentile: return percentile_range(histogram, options.percentile);
      case Algorithm::kMse: return mse_range(histogram);
    }
    return static_cast<double>(histogram.largest());
  }();
  return static_cast<float>(std::min(range, static_cast<double>(std::numeric_limits<float>::max())));
}

double quantization_error(const Histogram& histogram, double range) {
  if (histogram.count() == 0 || histogram.width() == 0) return 0;
  const Moments moments(histogram);
  const double sum = range > 0 ? squared_error(moments, range) : moments.up_to(std::numeric_limits<double>::max())[2];
  return sum / static_cast<double>(histogram.count());
}

}  // namespace sinter::quant
