// One model in every way that Sinter runs it. From a model and inputs that work, check_variants derives others: sizes 0, 1, odd and large in place of each
// size of the inputs; NaN, infinities, denormals and zeros of both signs among the inputs' floats. On the given and on each derived input the reference
// evaluator is the oracle for the optimised and the unoptimised graph, and an engine that was written and loaded must give the bits of the one that was built. What the
// reference evaluator refuses, an engine must refuse too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace sinter::testing {

// Sanitizers take tens of times as long: programs leave some variants out with them.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSlowed = true;
#else
constexpr bool kSlowed = false;
#endif

struct VariantOptions {
  std::vector<int64_t> sizes;   // what each size of the inputs becomes in turn; {}: none
  bool large = false;           // also more than 65536 elements
  bool special_values = true;
  bool given_optimised = true;  // false: the optimised engine on the given inputs was compared elsewhere
};

// How many runs were compared, by what they were ("sizes", "refused", …).
using VariantCounts = std::map<std::string, int64_t>;

// A line for each variant that fails; {}: all agree.
std::vector<std::string> check_variants(const ir::Model& model, const std::vector<Value>& inputs, const VariantOptions& options, VariantCounts& counts);

// What kernels may round differently, of the larger of 1 and the value.
double kernel_tolerance(DType dtype);

}  // namespace sinter::testing
