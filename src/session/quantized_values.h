// What a plan's 8-bit values stand for: scale and zero point, found by the step that made them.
#pragma once

#include <optional>

#include "plan/plan.h"

namespace sinter::session {

struct ValueScale {
  double scale = 1;
  int64_t zero = 0;
};

// One entry a value of the region; nullopt: no 8-bit integer, or not known. A QuantizeLinear says it; so does a pointwise program or an epilogue that ends
// in clip(round(x / scale) + zero); steps that move, select or compare whole numbers pass on what their first input has.
std::vector<std::optional<ValueScale>> scales_of(const plan::Region& region);

}  // namespace sinter::session
