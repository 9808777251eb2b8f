// Rounding of weights that minds the data they multiply: which way each weight is rounded follows from what the others' rounding did.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace sinter::quant {

// The second moment of a layer's data: sum of x·xᵀ over vectors x of `size` inputs. Both halves are kept.
class SecondMoment {
 public:
  explicit SecondMoment(int64_t size) : size_(size), sums_(static_cast<size_t>(size * size), 0.0f) {}
  void add(const float* x);
  int64_t size() const { return size_; }
  int64_t count() const { return count_; }
  double at(int64_t i, int64_t j) const { return sums_[static_cast<size_t>(i * size_ + j)]; }

 private:
  int64_t size_, count_ = 0;
  std::vector<float> sums_;
};

struct Rounding {
  std::vector<int8_t> values;               // [rows][size]
  double nearest_error = 0, error = 0;      // sum over rows of (w - q·s) M (w - q·s)ᵀ: with nearest values, and with these
};

// `weights` [rows][moment.size()], one scale a row. Columns are rounded one after another, and the error of each is made up for by those not
// yet rounded (optimal brain quantization in fixed order: Frantar et al. 2022, GPTQ). Where that does not help a row, it keeps the nearest values.
Rounding round_with_feedback(const float* weights, const float* scales, int64_t rows, const SecondMoment& moment);

}  // namespace sinter::quant
