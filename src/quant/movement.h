// Operators that keep each element as it is: quantization may happen before them as well as after.
#pragma once

#include "ir/graph.h"

namespace sinter::quant {

// Moves, repeats or compares elements of its first input (of all, for a Concat) without changing them, so that it works on whole numbers as it does on
// what they stand for. A Pad with zeros is one: it pads with the zero point then.
bool moves_elements(const ir::Node& node);
// Takes some elements of its first input.
bool selects_elements(const ir::Node& node);
// How many of the inputs it moves or selects elements of: 0 for all other operators.
size_t moved_inputs(const ir::Node& node);

}  // namespace sinter::quant
