#include "runtime/memory_planner.h"

#include <algorithm>
#include <numeric>

#include "core/tensor.h"
#include "plan/plan.h"

namespace sinter::runtime {

Result<int64_t> place_buffers(std::vector<ArenaBuffer>& buffers, int64_t alignment) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  const auto rounded = [&](int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; };
  std::vector<const ArenaBuffer*> placed;  // by offset
  int64_t arena = 0;
  for (size_t index : order) {
    ArenaBuffer& buffer = buffers[index];
    if (buffer.bytes < 0 || buffer.bytes > plan::kMaxValueBytes) {
      return make_error(Code::kOutOfMemory, "a buffer of {} bytes is more than a process can have; use smaller inputs", buffer.bytes);
    }
    const int64_t size = rounded(buffer.bytes);
    int64_t end = 0, best = -1, best_gap = INT64_MAX;
    for (const ArenaBuffer* other : placed) {
      if (other->last < buffer.first || buffer.last < other->first) continue;
      const int64_t gap = other->offset - end;
      if (gap >= size && gap < best_gap) best = end, best_gap = gap;
      end = std::max(end, other->offset + rounded(other->bytes));
    }
    buffer.offset = best >= 0 ? best : end;
    arena = std::max(arena, buffer.offset + size);
    if (arena > plan::kMaxValueBytes) {
      return make_error(Code::kOutOfMemory, "the arena would take {} bytes; use smaller inputs", arena);
    }
    const auto at = std::upper_bound(placed.begin(), placed.end(), buffer.offset,
                                     [](int64_t offset, const ArenaBuffer* other) { return offset < other->offset; });
    placed.insert(at, &buffer);
  }
  return arena;
}

}  // namespace sinter::runtime
