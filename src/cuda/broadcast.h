// How operands that broadcast are addressed on the device: the host's half of kernels/broadcast.h.
#pragma once

#include <span>

#include "core/dim.h"
#include "core/layout.h"

namespace sinter::cuda {

constexpr int kMapRank = 8;

// As in kernels/broadcast.h.
struct Map {
  int32_t rank = 0, vectors = 0, aligned = 0, narrow = 0;
  uint32_t size[kMapRank] = {};
  int64_t stride[kMapRank] = {};
};

// Sizes of a result of `dims` in memory order, and for each the stride of a row-major operand of `operand` dims that broadcasts to it.
// Rank at most kMapRank, each size below 2^32.
Map broadcast_map(const Dims& dims, Layout layout, const Dims& operand, int vector);
// The same from sizes and strides in memory order: drops sizes of 1, merges neighbours.
Map strided_map(std::span<const int64_t> sizes, std::span<const int64_t> strides, int vector);

Dims row_major_strides(const Dims& dims);
// Logical axes in memory order: {0,1,2,3} or {0,2,3,1}.
std::vector<int> memory_order(Layout layout, int rank);

}  // namespace sinter::cuda
