// Dividing a batch among devices by their speed.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/engine.h"

namespace sinter::runtime {

// The leading dim that all inputs of an engine have; null: they differ, and samples can't be stacked.
const Dim* shared_leading_dim(const Engine& engine);

struct Share {
  size_t device = 0;
  int64_t begin = 0, rows = 0;
};

// Rows in proportion to `weights` (one a device; 0: it gets none), in order and without gaps. A share has at most
// `most` rows, so that a device may get several, and at least `least`: devices whose part would be smaller get none.
std::vector<Share> split_rows(int64_t rows, std::span<const double> weights, int64_t least, int64_t most);

// How fast devices are beside each other, and the shares that follow. Shares stay as they are while speeds are within a
// twentieth of them: each size of a part that is new costs a context its preparation. Before anything is measured all
// devices count as equal.
class Balance {
 public:
  explicit Balance(size_t devices);
  // Rows a second of every device that is left (0 for the others), measured at the same time. The first ones count
  // whole, later ones a fifth.
  void add(std::span<const double> rates);
  void remove(size_t device);
  const std::vector<double>& shares() const { return shares_; }  // they sum to 1

 private:
  void settle();
  std::vector<double> speeds_, shares_;  // speeds_ sum to 1
  bool measured_ = false;
};

}  // namespace sinter::runtime
