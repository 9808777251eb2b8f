// What the recurrent tactics (LSTM, GRU) share.
#pragma once

#include <string>

#include "core/problem.h"

namespace sinter::cuda {

// Why no recurrent kernel takes the problem, "" when one does. `activations`: how many a direction has; the first is a
// Sigmoid, the others Tanh.
std::string recurrent_unsuitable(const Problem& problem, size_t activations);

inline bool has(const std::vector<TensorDesc>& descs, size_t index) { return index < descs.size() && descs[index].present; }

}  // namespace sinter::cuda
