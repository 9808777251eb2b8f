// The types that a layer's numbers have, as reports name them.
#pragma once

#include <string_view>

#include "tactic/tactic.h"

namespace sinter {

struct Arithmetic {
  std::string_view storage;     // of the result: "f16", "i8"
  std::string_view compute;     // of what is multiplied, or of steps one by one: "f16", "tf32", "i8"; "-": it only moves elements
  std::string_view accumulate;  // of sums: "f32", "i32"; "-" likewise
};

// What the reference kernels and most tactics do: 16-bit floats are widened and rounded once, 8-bit products have whole sums.
Arithmetic plain_arithmetic(const Problem& problem);
// A tactic that does otherwise derives from this too.
class TypedTactic {
 public:
  virtual ~TypedTactic() = default;
  // Layouts do not matter.
  virtual Arithmetic arithmetic(const Problem& problem, const Offer& offer) const = 0;
};
// Of an offer of the tactic.
Arithmetic arithmetic_of(const Tactic& tactic, const Problem& problem, const Offer& offer);

// A dense layer on a GPU's matrix units: operands as they are, f32 as tf32 where that is permitted.
Arithmetic matrix_arithmetic(const Problem& problem);

}  // namespace sinter
