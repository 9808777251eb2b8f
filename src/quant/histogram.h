// Histogram: what calibration keeps of a tensor's values: |x| in equal bins, and the few figures that warnings and reports need.
//
// The first batch that is not all zero fixes the bins' width: its largest |x| / kFirstBins. Later values beyond the last bin add bins of the same
// width, up to kMostBins; then pairs of bins are merged until they fit, so that memory stays bounded. Counts are exact except for which bin a value
// is in: there is no rounding that depends on the order of batches once the width is fixed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/threads.h"

namespace sinter::quant {

class Histogram {
 public:
  static constexpr int kFirstBins = 2048, kMostBins = 4096;

  // One batch: NaN and infinities are counted and otherwise left out. Allocates nothing once the bins are there.
  void add(std::span<const float> values) { add(values, inline_team()); }
  // The same, by all threads of the team when the batch is worth it. The result does not depend on the team.
  void add(std::span<const float> values, ThreadTeam& team);
  // As if the other's values had been added here. Of two widths the larger stays; the other's bins go where their middles lie.
  void merge(const Histogram& other);

  int64_t count() const { return count_; }          // finite values
  int64_t zeros() const { return zeros_; }          // of them
  int64_t not_numbers() const { return nans_; }
  int64_t infinities() const { return infinities_; }
  float min() const { return min_; }                // of the finite values; 0 when there is none
  float max() const { return max_; }
  float largest() const;                            // max |x|
  bool constant() const { return count_ > 0 && min_ == max_; }
  // Counts of |x| in [i * width, (i + 1) * width); a value on the last edge is in the last bin. Zeros are in bin 0. Empty while all is zero.
  const std::vector<uint64_t>& bins() const { return bins_; }
  double width() const { return width_; }
  // Bins up to the last that is not empty.
  size_t used_bins() const;

  // Text of one line, for resuming: "count zeros nans infinities min max width bins index:count…" (floats in hex). Parsing checks that counts agree.
  std::string to_text() const;
  static Result<Histogram> parse(std::string_view text);
  bool operator==(const Histogram&) const = default;

 private:
  void cover(float largest);
  void halve();
  void resize_bins(size_t bins);
  int64_t count_ = 0, zeros_ = 0, nans_ = 0, infinities_ = 0;
  float min_ = 0, max_ = 0;
  double width_ = 0;
  std::vector<uint64_t> bins_;
};

}  // namespace sinter::quant
