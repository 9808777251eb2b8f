// Declared shapes against actual dims: finds the values of symbols.
#pragma once

#include <span>
#include <string>

#include "core/dim.h"
#include "plan/plan.h"

namespace sinter::runtime {

// Matches `actual` against `declared`, adding to `bindings` what follows: a dim with one unbound symbol is solved for it when it is
// linear in it. A dim of several unbound symbols leaves them open. The error's text says what differs ("dim 1 is 4, expected 3"),
// without saying of what. A dim of one symbol that has no solution is an error for kAll; kKnown passes it (a result whose sizes the
// shape rule could only describe).
enum class BindDims : uint8_t { kAll, kKnown };
Status bind_shape(const Shape& declared, const Dims& actual, Bindings& bindings, BindDims which = BindDims::kAll);

// Every bound symbol within its range of the plan. `input_dims`: what bound them, for the error, which names the input and its dimension.
Status check_ranges(const plan::Plan& plan, const Bindings& bindings, std::span<const Dims> input_dims);
// "'batch' 1 to 8, 'width' 320 or more": what a profile takes.
std::string ranges_text(const plan::Plan& plan);

}  // namespace sinter::runtime
