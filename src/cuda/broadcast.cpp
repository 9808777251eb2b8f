#include "cuda/broadcast.h"

namespace sinter::cuda {

Dims row_major_strides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t step = 1;
  for (size_t d = dims.size(); d-- > 0;) {
    strides[d] = step;
    step *= dims[d];
  }
  return strides;
}

std::vector<int> memory_order(Layout layout, int rank) {
  std::vector<int> order;
  for (int axis = 0; axis < rank; ++axis) {
    if (layout != Layout::kChannelsLast || axis != 1) order.push_back(axis);
  }
  if (layout == Layout::kChannelsLast && rank > 1) order.push_back(1);
  return order;
}

Map strided_map(std::span<const int64_t> sizes, std::span<const int64_t> strides, int vector) {
  Map map;
  int64_t count = 1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    count *= sizes[d];
    if (sizes[d] == 1) continue;
    const auto size = static_cast<uint32_t>(sizes[d]);
    if (map.rank > 0 && map.stride[map.rank - 1] == strides[d] * sizes[d] && int64_t{map.size[map.rank - 1]} * size < INT32_MAX) {
      map.size[map.rank - 1] *= size;
      map.stride[map.rank - 1] = strides[d];
      continue;
    }
    map.size[map.rank] = size;
    map.stride[map.rank] = strides[d];
    ++map.rank;
  }
  if (map.rank == 0) {
    map.rank = 1;
    map.size[0] = 1;
  }
  map.narrow = count <= INT32_MAX;
  map.vectors = map.size[map.rank - 1] % static_cast<uint32_t>(vector) == 0;
  map.aligned = map.vectors;
  for (int d = 0; d + 1 < map.rank; ++d) map.aligned &= map.stride[d] % vector == 0;
  return map;
}

Map broadcast_map(const Dims& dims, Layout layout, const Dims& operand, int vector) {
  const Dims own = row_major_strides(operand);
  const int missing = static_cast<int>(dims.size()) - static_cast<int>(operand.size());
  Dims sizes, strides;
  for (int axis : memory_order(layout, static_cast<int>(dims.size()))) {
    sizes.push_back(dims[static_cast<size_t>(axis)]);
    const int at = axis - missing;
    strides.push_back(at < 0 || operand[static_cast<size_t>(at)] == 1 ? 0 : own[static_cast<size_t>(at)]);
  }
  return strided_map(sizes, strides, vector);
}

}  // namespace sinter::cuda
