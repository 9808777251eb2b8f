// What tactics of sinter.IntegerGlobalAveragePool know of it: a mean is the sum of n elements, less n zero points, times a factor.
#pragma once

#include <optional>

#include "core/problem.h"

namespace sinter {

struct IntegerMean {
  float x_scale = 1, y_scale = 1;
  int32_t x_zero = 0, y_zero = 0;
  bool quantizes = false;  // the result is stored in 8 bits

  // As the reference kernel has it, operation by operation.
  float factor(int64_t n) const { return x_scale / (quantizes ? y_scale * static_cast<float>(n) : static_cast<float>(n)); }
};

// nullopt: a scale or zero point is only known at run time.
std::optional<IntegerMean> integer_mean(const Problem& problem);
// Why no kernel takes the problem; "": nothing speaks against it.
std::string integer_mean_objection(const Problem& problem);

}  // namespace sinter
