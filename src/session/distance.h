// How far two tensors are from each other, added up over pairs.
#pragma once

#include <cstdint>

#include "core/tensor.h"

namespace sinter::session {

// Of B from A. Elements that are not finite in either are left out of the sums and counted.
class Distance {
 public:
  void add(const Tensor& a, const Tensor& b);  // equal counts; numbers
  void add(const float* a, const float* b, int64_t count);

  int64_t pairs() const { return pairs_; }
  double relative_l2() const;         // |a - b| / |a| over all pairs; infinite when a is zero and b is not
  double max_error() const { return max_error_; }
  double cosine() const;              // mean over pairs; 1 for two zeros, 0 for one
  double least_cosine() const { return least_cosine_; }
  int64_t differently_finite() const { return differently_finite_; }  // NaN or infinite in one, or not the same in both

 private:
  int64_t pairs_ = 0, differently_finite_ = 0;
  double squares_ = 0, differences_ = 0, max_error_ = 0, cosines_ = 0, least_cosine_ = 1;
};

}  // namespace sinter::session
