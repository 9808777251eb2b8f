// Places buffers with lifetimes in one arena.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"

namespace sinter::runtime {

// Alive from step `first` to step `last`, both included.
struct ArenaBuffer {
  int64_t bytes = 0;
  int32_t first = 0, last = 0;
  int64_t offset = 0;  // result, a multiple of the alignment
};

// Largest first, each into the smallest gap that fits among the buffers alive with it. Returns the arena's bytes. Deterministic.
Result<int64_t> place_buffers(std::vector<ArenaBuffer>& buffers, int64_t alignment = 64);

}  // namespace sinter::runtime
