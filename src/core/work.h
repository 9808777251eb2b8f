// Work: what a problem cannot do without: arithmetic, and bytes to and from memory. Reports compare times with it.
#pragma once

#include <string_view>
#include <vector>

#include "core/problem.h"

namespace sinter {

struct Work {
  double dense_ops = 0;   // of products and convolutions; a multiply-add counts as two
  double other_ops = 0;   // all else, an operation of a pointwise program as one
  int64_t bytes = 0;      // inputs, weights and outputs, each once, in their stored types; of inputs that are read in part, that part
};

// With these dims, one entry an input and output (absent ones: anything).
Work work_of(const Problem& problem, const std::vector<Dims>& inputs, const std::vector<Dims>& outputs);
// At the problem's optimum.
Work work_of(const Problem& problem);

// The type whose rate bounds dense_ops: "f16", "bf16", "tf32" (f32 on a GPU where that is allowed), "f32", "i8", "f64".
std::string_view dense_type(const Problem& problem);

}  // namespace sinter
