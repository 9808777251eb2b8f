#include "quant/histogram.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <mutex>

namespace sinter::quant {
namespace {

constexpr uint32_t kMagnitude = 0x7fffffff, kInfinity = 0x7f800000;
constexpr double kLeastRange = 1e-30;  // smaller largest values share its width: the reciprocal stays a float
constexpr int64_t kBlock = 2048;       // elements looked at, then counted, while they are in the nearest cache
constexpr int64_t kTableFrom = 16384;  // batches from this size on are counted in tables of their own: fewer waits for stores

struct Summary {
  int64_t count = 0, zeros = 0, nans = 0, infinities = 0;
  float min = 0, max = 0;

  void add(const Summary& other) {
    if (other.count > 0) {
      min = count > 0 ? std::min(min, other.min) : other.min;
      max = count > 0 ? std::max(max, other.max) : other.max;
    }
    count += other.count;
    zeros += other.zeros;
    nans += other.nans;
    infinities += other.infinities;
  }
  float largest() const { return std::max(std::fabs(min), std::fabs(max)); }
};

uint32_t magnitude_bits(float value) { return std::bit_cast<uint32_t>(value) & kMagnitude; }

Summary summarize_any(const float* values, int64_t count) {
  Summary result;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t bits = magnitude_bits(values[i]);
    if (bits >= kInfinity) {
      ++(bits > kInfinity ? result.nans : result.infinities);
      continue;
    }
    result.add({1, bits == 0, 0, 0, values[i], values[i]});
  }
  return result;
}

// Eight running figures each, so that the loop becomes vector code. A block with NaN or infinity is looked at again, one by one.
Summary summarize(const float* values, int64_t count) {
  constexpr int kLanes = 8;
  int32_t worst[kLanes] = {}, zeros[kLanes] = {};
  float low[kLanes], high[kLanes];
  if (count < kLanes) return summarize_any(values, count);
  for (int lane = 0; lane < kLanes; ++lane) low[lane] = high[lane] = values[lane];
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) {
      const float value = values[i + lane];
      const auto bits = static_cast<int32_t>(magnitude_bits(value));
      worst[lane] = bits > worst[lane] ? bits : worst[lane];
      zeros[lane] += bits == 0;
      low[lane] = value < low[lane] ? value : low[lane];
      high[lane] = value > high[lane] ? value : high[lane];
    }
  }
  Summary result{i, 0, 0, 0, low[0], high[0]};
  for (int lane = 0; lane < kLanes; ++lane) {
    if (static_cast<uint32_t>(worst[lane]) >= kInfinity) return summarize_any(values, count);
    result.zeros += zeros[lane];
    result.min = std::min(result.min, low[lane]);
    result.max = std::max(result.max, high[lane]);
  }
  result.add(summarize_any(values + i, count - i));
  return result;
}

// Which bin a value is in.
class Binner {
 public:
  Binner(double width, size_t bins) : inverse_(static_cast<float>(1 / width)), last_(static_cast<int32_t>(bins) - 1) {}
  bool holds(float largest) const { return largest * inverse_ < static_cast<float>(last_ + 1); }
  // -1: not finite.
  int32_t bin_of(float value) const {
    const float magnitude = std::fabs(value);
    if (!(magnitude <= 3.4028235e38f)) return -1;
    return finite_bin_of(value);
  }
  int32_t finite_bin_of(float value) const {
    const auto bin = static_cast<int32_t>(std::fabs(value) * inverse_);
    return bin < last_ ? bin : last_;
  }

 private:
  float inverse_;
  int32_t last_;
};

// Counts of one thread. Four tables in turn, so that equal neighbours don't wait for each other's stores.
class Counter : public Binner {
 public:
  using Binner::Binner;
  // Of finite values: the bins first, as vector code, then the counts.
  void add_finite(const float* values, int64_t count) {
    constexpr int64_t kChunk = 256;
    int32_t bins[kChunk];
    for (int64_t begin = 0; begin < count; begin += kChunk) {
      const int64_t length = std::min(kChunk, count - begin);
      for (int64_t i = 0; i < length; ++i) bins[i] = finite_bin_of(values[begin + i]);
      int64_t i = 0;
      for (; i + 4 <= length; i += 4) {
        for (size_t lane = 0; lane < 4; ++lane) ++tables_[lane][static_cast<size_t>(bins[i + static_cast<int64_t>(lane)])];
      }
      for (; i < length; ++i) ++tables_[0][static_cast<size_t>(bins[i])];
    }
  }
  void add(const float* values, int64_t count) {
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      for (size_t lane = 0; lane < 4; ++lane) {
        const int32_t bin = bin_of(values[i + static_cast<int64_t>(lane)]);
        if (bin >= 0) ++tables_[lane][static_cast<size_t>(bin)];
      }
    }
    for (; i < count; ++i) {
      const int32_t bin = bin_of(values[i]);
      if (bin >= 0) ++tables_[0][static_cast<size_t>(bin)];
    }
  }
  void flush(std::vector<uint64_t>& bins) {
    for (size_t i = 0; i < bins.size(); ++i) {
      bins[i] += uint64_t{tables_[0][i]} + tables_[1][i] + tables_[2][i] + tables_[3][i];
    }
    for (auto& table : tables_) std::fill_n(table.begin(), bins.size(), 0u);
  }

 private:
  std::array<std::array<uint32_t, Histogram::kMostBins>, 4> tables_{};
};

constexpr int64_t kMostAtOnce = int64_t{1} << 30;  // the tables' counts are 32 bits wide

}  // namespace

float Histogram::largest() const { return std::max(std::fabs(min_), std::fabs(max_)); }

size_t Histogram::used_bins() const {
  size_t used = bins_.size();
  while (used > 0 && bins_[used - 1] == 0) --used;
  return used;
}

void Histogram::halve() {
  const size_t half = (bins_.size() + 1) / 2;
  for (size_t i = 0; i < half; ++i) bins_[i] = bins_[2 * i] + (2 * i + 1 < bins_.size() ? bins_[2 * i + 1] : 0);
  bins_.resize(half);
  width_ *= 2;
}

void Histogram::resize_bins(size_t bins) {
  bins_.reserve(kMostBins);
  bins_.resize(bins);
}

void Histogram::cover(float largest) {
  if (largest == 0) return;
  if (width_ == 0) {
    width_ = std::max(static_cast<double>(largest), kLeastRange) / kFirstBins;
    resize_bins(kFirstBins);
    bins_[0] = static_cast<uint64_t>(zeros_);
    return;
  }
  while (largest / width_ > kMostBins) halve();
  const auto needed = static_cast<size_t>(std::ceil(largest / width_));
  if (needed > bins_.size()) resize_bins(needed);
}

void Histogram::add(std::span<const float> values, ThreadTeam& team) {
  for (; static_cast<int64_t>(values.size()) > kMostAtOnce; values = values.subspan(kMostAtOnce)) add(values.first(kMostAtOnce), team);
  const float* data = values.data();
  const auto size = static_cast<int64_t>(values.size());
  std::mutex mutex;
  Summary whole;
  // First: figures of all, and counts of the blocks that lie within the bins as they are.
  constexpr int kMostParts = 64;
  const int parts = size < kTableFrom ? 1 : std::clamp(team.size(), 1, kMostParts);
  std::array<int64_t, kMostParts> counted{};  // elements of each part that are counted already
  const auto begin_of = [&](int part) { return size * part / parts; };
  auto first = [&](int part) {
    const int64_t begin = begin_of(part), end = begin_of(part + 1);
    Summary own;
    int64_t next = begin;
    if (width_ > 0 && size >= kTableFrom) {
      Counter counter(width_, bins_.size());
      for (; next < end; next += kBlock) {
        const int64_t length = std::min(kBlock, end - next);
        const Summary block = summarize(data + next, length);
        own.add(block);
        if (!counter.holds(block.largest())) break;
        if (block.count == length) counter.add_finite(data + next, length);
        else counter.add(data + next, length);
      }
      counted[static_cast<size_t>(part)] = std::min(next, end) - begin;
      next += kBlock;
      const std::lock_guard lock(mutex);
      counter.flush(bins_);
    }
    for (; next < end; next += kBlock) own.add(summarize(data + next, std::min(kBlock, end - next)));
    const std::lock_guard lock(mutex);
    whole.add(own);
  };
  team.run(parts, first);

  if (whole.count > 0) cover(whole.largest());
  Summary all{count_, zeros_, nans_, infinities_, min_, max_};
  all.add(whole);
  count_ = all.count, zeros_ = all.zeros, nans_ = all.nans, infinities_ = all.infinities, min_ = all.min, max_ = all.max;
  if (width_ == 0) return;

  // Then: counts of the rest.
  if (size < kTableFrom) {
    const Binner binner(width_, bins_.size());
    for (int64_t i = 0; i < size; ++i) {
      const int32_t bin = binner.bin_of(data[i]);
      if (bin >= 0) ++bins_[static_cast<size_t>(bin)];
    }
    return;
  }
  auto rest = [&](int part) {
    const int64_t begin = begin_of(part) + counted[static_cast<size_t>(part)], end = begin_of(part + 1);
    if (begin >= end) return;
    Counter counter(width_, bins_.size());
    counter.add(data + begin, end - begin);
    const std::lock_guard lock(mutex);
    counter.flush(bins_);
  };
  team.run(parts, rest);
}

void Histogram::merge(const Histogram& other) {
  if (other.width_ > width_ && width_ > 0) {
    Histogram sum = other;
    sum.merge(*this);
    *this = std::move(sum);
    return;
  }
  const int64_t zeros_before = zeros_;
  if (other.width_ > 0 && width_ == 0) {
    width_ = other.width_;
    resize_bins(other.bins_.size());
    bins_[0] = static_cast<uint64_t>(zeros_before);
  }
  if (other.width_ > 0) {
    cover(other.largest());
    if (other.width_ == width_ && other.bins_.size() > bins_.size()) resize_bins(other.bins_.size());
    for (size_t i = 0; i < other.bins_.size(); ++i) {
      if (other.bins_[i] == 0) continue;
      const auto middle = static_cast<size_t>((static_cast<double>(i) + 0.5) * other.width_ / width_);
      bins_[std::min(middle, bins_.size() - 1)] += other.bins_[i];
    }
  } else if (width_ > 0) {
    bins_[0] += static_cast<uint64_t>(other.zeros_);
  }
  Summary all{count_, zeros_, nans_, infinities_, min_, max_};
  all.add({other.count_, other.zeros_, other.nans_, other.infinities_, other.min_, other.max_});
  count_ = all.count, zeros_ = all.zeros, nans_ = all.nans, infinities_ = all.infinities, min_ = all.min, max_ = all.max;
}

std::string Histogram::to_text() const {
  std::string text = fmt::format("{} {} {} {} {:a} {:a} {:a} {}", count_, zeros_, nans_, infinities_, min_, max_, width_, bins_.size());
  for (size_t i = 0; i < bins_.size(); ++i) {
    if (bins_[i] != 0) text += fmt::format(" {}:{}", i, bins_[i]);
  }
  return text;
}

namespace {

// Words of a line, taken one after another; ok turns false at the first that is no number.
struct Words {
  std::string_view rest;
  bool ok = true;

  std::string_view next() {
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    return word;
  }
  template <typename T>
  T integer(std::string_view word) {
    T value{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    ok = ok && !word.empty() && error == std::errc() && end == word.data() + word.size();
    return value;
  }
  // "-0x1.8p+1", as fmt's {:a} writes it.
  double real(std::string_view word) {
    const bool negative = word.starts_with('-');
    if (negative) word.remove_prefix(1);
    if (!word.starts_with("0x")) {
      ok = false;
      return 0;
    }
    word.remove_prefix(2);
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, std::chars_format::hex);
    ok = ok && error == std::errc() && end == word.data() + word.size() && std::isfinite(value);
    return negative ? -value : value;
  }
};

}  // namespace

Result<Histogram> Histogram::parse(std::string_view text) {
  const auto damaged = [](std::string_view what) {
    return make_error(Code::kInvalidArgument, "histogram: {}, expected what calibration wrote; begin the calibration anew", what);
  };
  Words words{text};
  Histogram result;
  result.count_ = words.integer<int64_t>(words.next());
  result.zeros_ = words.integer<int64_t>(words.next());
  result.nans_ = words.integer<int64_t>(words.next());
  result.infinities_ = words.integer<int64_t>(words.next());
  const double low = words.real(words.next()), high = words.real(words.next());
  result.width_ = words.real(words.next());
  const auto bins = words.integer<int64_t>(words.next());
  if (!words.ok) return damaged("a word is no number");
  if (result.count_ < 0 || result.zeros_ < 0 || result.zeros_ > result.count_ || result.nans_ < 0 || result.infinities_ < 0) return damaged("a count is impossible");
  if (std::fabs(low) > 3.4028235e38 || std::fabs(high) > 3.4028235e38 || low > high) return damaged("the least or largest value is impossible");
  result.min_ = static_cast<float>(low), result.max_ = static_cast<float>(high);
  if (bins < 0 || bins > kMostBins || (bins > 0) != (result.width_ > 0) || result.width_ < 0) return damaged("the number of bins or their width is impossible");
  if (bins > 0 && (result.width_ < kLeastRange / kFirstBins || result.width_ > 3.5e38 || result.largest() > result.width_ * static_cast<double>(bins) * 1.0001)) {
    return damaged("the bins do not cover the values");
  }
  if (bins > 0) result.resize_bins(static_cast<size_t>(bins));
  uint64_t sum = 0;
  for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
    const size_t colon = word.find(':');
    if (colon == word.npos) return damaged("a bin has no count");
    const auto index = words.integer<size_t>(word.substr(0, colon));
    const auto count = words.integer<uint64_t>(word.substr(colon + 1));
    if (!words.ok || index >= result.bins_.size() || count > static_cast<uint64_t>(result.count_) || result.bins_[index] != 0) return damaged("a bin is impossible");
    result.bins_[index] = count;
    sum += count;
    if (sum > static_cast<uint64_t>(result.count_)) return damaged("the bins hold more values than there are");
  }
  if (sum != static_cast<uint64_t>(bins > 0 ? result.count_ : 0) || (bins == 0 && result.zeros_ != result.count_)) return damaged("the bins do not hold all values");
  return result;
}

}  // namespace sinter::quant
