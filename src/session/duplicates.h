// Near-duplicates among samples, by a few sums of each: calibration data that shows the same thing many times says less than its number.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace sinter::session {

class Duplicates {
 public:
  // The sample's first tensor is looked at.
  void add(const std::string& name, const Tensor& tensor);
  struct Finding {
    int64_t count = 0;          // samples that are nearly equal to an earlier one
    std::string first, second;  // such a pair
  };
  // Pairs whose sums over 256 parts differ by less than 1 % of their spread. Quadratic in the number of samples, in small steps.
  Finding find() const;

 private:
  static constexpr size_t kParts = 256;
  struct Signature {
    std::string name;
    std::array<float, kParts> sums;  // of the parts, centred
    float spread;                    // their norm
  };
  std::vector<Signature> signatures_;
};

}  // namespace sinter::session
