#include "runtime/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace sinter::runtime {
namespace {

constexpr double kNear = 0.05;   // speeds that differ by less are the same
constexpr double kNewest = 0.2;  // weight of a new measurement

void normalise(std::vector<double>& values) {
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  for (double& value : values) value = sum > 0 ? value / sum : value;
}

// Whole rows by largest remainder.
std::vector<int64_t> apportion(int64_t rows, const std::vector<double>& weights) {
  std::vector<double> exact = weights;
  normalise(exact);
  std::vector<int64_t> counts(exact.size());
  std::vector<size_t> order;
  int64_t left = rows;
  for (size_t i = 0; i < exact.size(); ++i) {
    exact[i] *= static_cast<double>(rows);
    counts[i] = std::min(left, static_cast<int64_t>(exact[i]));
    left -= counts[i];
    if (weights[i] > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return exact[a] - static_cast<double>(counts[a]) > exact[b] - static_cast<double>(counts[b]);
  });
  for (size_t i = 0; left > 0; i = (i + 1) % order.size(), --left) ++counts[order[i]];
  return counts;
}

}  // namespace

const Dim* shared_leading_dim(const Engine& engine) {
  const Dim* leading = nullptr;
  for (const engine::IoInfo& input : engine.inputs()) {
    if (!input.type.is_tensor() || !input.type.shape || input.type.shape->empty()) return nullptr;
    const Dim& first = input.type.shape->front();
    if (leading && first != *leading) return nullptr;
    leading = &first;
  }
  return leading;
}

std::vector<Share> split_rows(int64_t rows, std::span<const double> weights, int64_t least, int64_t most) {
  std::vector<double> taking(weights.begin(), weights.end());
  std::vector<int64_t> counts;
  for (;;) {  // without the slowest device until nobody has too little
    if (std::none_of(taking.begin(), taking.end(), [](double weight) { return weight > 0; })) return {};
    counts = apportion(rows, taking);
    size_t slowest = taking.size();
    bool too_little = false;
    for (size_t i = 0; i < taking.size(); ++i) {
      if (taking[i] <= 0) continue;
      too_little = too_little || counts[i] < std::max<int64_t>(1, least);
      if (slowest == taking.size() || taking[i] <= taking[slowest]) slowest = i;
    }
    const auto left = std::count_if(taking.begin(), taking.end(), [](double weight) { return weight > 0; });
    if (!too_little || left == 1) break;
    taking[slowest] = 0;
  }
  std::vector<Share> shares;
  int64_t begin = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    const int64_t parts = (counts[i] - 1) / std::max<int64_t>(1, most) + 1;
    for (int64_t part = 0, left = counts[i]; left > 0; ++part) {
      const int64_t size = (left - 1) / (parts - part) + 1;
      shares.push_back({i, begin, size});
      begin += size;
      left -= size;
    }
  }
  return shares;
}

Balance::Balance(size_t devices) : speeds_(devices, 1), shares_(devices, 1) {
  normalise(speeds_);
  normalise(shares_);
}

void Balance::add(std::span<const double> rates) {
  std::vector<double> newest(rates.begin(), rates.end());
  normalise(newest);
  const double weight = measured_ ? kNewest : 1;
  for (size_t i = 0; i < speeds_.size(); ++i) speeds_[i] = (1 - weight) * speeds_[i] + weight * newest[i];
  measured_ = true;
  settle();
}

void Balance::remove(size_t device) {
  speeds_[device] = shares_[device] = 0;
  normalise(speeds_);
  normalise(shares_);
}

void Balance::settle() {
  bool holds = true, equal = true;
  const auto living =
      static_cast<double>(std::count_if(speeds_.begin(), speeds_.end(), [](double speed) { return speed > 0; }));
  for (size_t i = 0; i < speeds_.size(); ++i) {
    if (speeds_[i] <= 0) continue;
    holds = holds && std::abs(speeds_[i] - shares_[i]) <= kNear * shares_[i];
    equal = equal && std::abs(speeds_[i] * living - 1) <= kNear;
  }
  if (holds) return;
  shares_ = speeds_;
  if (!equal) return;
  for (double& share : shares_) share = share > 0 ? 1 / living : 0;
}

}  // namespace sinter::runtime
