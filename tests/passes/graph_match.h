// Are two graphs the same but for names? And random inputs for a graph. For tests of passes.
#pragma once

#include <random>
#include <set>

#include "ir/graph.h"

namespace sinter::testing {

// Says what differs, "" when nothing does. Constants whose buffer is in `wildcards` match any constant of their type.
std::string compare_graphs(const ir::Graph& found, const ir::Graph& expected, const std::set<const void*>& wildcards);
// Inputs of the graph's types; symbols get the bindings' values, else `extent`.
std::vector<Value> random_inputs(const ir::Graph& graph, const Bindings& bindings, int64_t extent, unsigned seed);
Tensor random_tensor(DType dtype, const Dims& dims, unsigned seed);
// "" when equal: bitwise with tolerance 0, else |a-b| <= tolerance * max(1, |b|).
std::string compare_values(const std::vector<Value>& found, const std::vector<Value>& expected, double tolerance);

}  // namespace sinter::testing
