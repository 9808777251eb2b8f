// The equation of an Einsum node, resolved against the ranks of its operands.
#pragma once

#include "core/op_def.h"

namespace sinter::ops {

// Labels are numbered; ellipsis axes get labels of their own, aligned at the right as in broadcasting.
struct EinsumEquation {
  std::vector<std::vector<int>> operands;  // label of every axis
  std::vector<int> output;
  int labels = 0;
};

// Error text (no node) when the equation is malformed or does not fit the ranks.
Result<EinsumEquation> parse_einsum(const std::string& equation, const std::vector<int>& ranks);

}  // namespace sinter::ops
