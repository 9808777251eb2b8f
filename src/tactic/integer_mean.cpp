#include "tactic/integer_mean.h"

#include <algorithm>
#include <cmath>

namespace sinter {

std::optional<IntegerMean> integer_mean(const Problem& problem) {
  double numbers[] = {0, 1, 0, 1, 0};
  bool present[5] = {};
  for (size_t i = 1; i < std::min<size_t>(problem.inputs.size(), 5); ++i) {
    const TensorDesc& input = problem.inputs[i];
    if (!input.present) continue;
    if (!input.value.defined() || input.value.count() != 1) return std::nullopt;
    numbers[i] = input.value.to_f64()[0];
    present[i] = true;
  }
  if (!present[1]) return std::nullopt;
  return IntegerMean{static_cast<float>(numbers[1]), static_cast<float>(numbers[3]), static_cast<int32_t>(numbers[2]), static_cast<int32_t>(numbers[4]), present[4]};
}

std::string integer_mean_objection(const Problem& problem) {
  if (problem.has_epilogue()) return "no epilogue";
  const std::vector<TensorDesc>& inputs = problem.inputs;
  if (inputs.empty() || (inputs[0].dtype != DType::kI8 && inputs[0].dtype != DType::kU8) || inputs[0].rank() < 3) return "not i8 or u8 with at least one spatial axis";
  for (size_t i = 2; i < inputs[0].shape.size(); ++i) {
    if (inputs[0].shape[i].is(0)) return "no pixels";
  }
  const auto mean = integer_mean(problem);
  if (!mean) return "a scale or zero point is only known at run time";
  return std::isfinite(mean->factor(1)) ? "" : "a scale that is not finite, or by which nothing can be divided";
}

}  // namespace sinter
