#include "cpu/kernels/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace sinter::cpu {
namespace {

struct Loop {
  int64_t size, source, target;
};

constexpr int64_t kTransposeBlock = 32;       // rows and columns of a tile: two of them in 4-byte elements fill a quarter of L1
constexpr int64_t kMinPartBytes = 32 << 10;   // below this a second thread costs more than it saves (about a microsecond)

// Compilers turn these vectors into SSE or NEON registers.
typedef uint32_t Vec4 __attribute__((vector_size(16)));

Vec4 load4(const uint32_t* p) {
  Vec4 v;
  std::memcpy(&v, p, 16);
  return v;
}

void store4(uint32_t* p, Vec4 v) { std::memcpy(p, &v, 16); }

// target[j * ts + i] = source[i * ss + j] for a 4x4 block.
inline void transpose4x4(const uint32_t* source, int64_t ss, uint32_t* target, int64_t ts) {
  const Vec4 a = load4(source), b = load4(source + ss), c = load4(source + 2 * ss), d = load4(source + 3 * ss);
  const Vec4 ab_low = __builtin_shuffle(a, b, Vec4{0, 4, 1, 5}), ab_high = __builtin_shuffle(a, b, Vec4{2, 6, 3, 7});
  const Vec4 cd_low = __builtin_shuffle(c, d, Vec4{0, 4, 1, 5}), cd_high = __builtin_shuffle(c, d, Vec4{2, 6, 3, 7});
  store4(target, __builtin_shuffle(ab_low, cd_low, Vec4{0, 1, 4, 5}));
  store4(target + ts, __builtin_shuffle(ab_low, cd_low, Vec4{2, 3, 6, 7}));
  store4(target + 2 * ts, __builtin_shuffle(ab_high, cd_high, Vec4{0, 1, 4, 5}));
  store4(target + 3 * ts, __builtin_shuffle(ab_high, cd_high, Vec4{2, 3, 6, 7}));
}

// rows x cols of the source's view: source[i * ss + j] to target[j * ts + i].
template <typename T>
void transpose_tile(const T* source, int64_t ss, T* target, int64_t ts, int64_t rows, int64_t cols) {
  int64_t i = 0;
  if constexpr (sizeof(T) == 4) {
    for (; i + 4 <= rows; i += 4) {
      int64_t j = 0;
      for (; j + 4 <= cols; j += 4) {
        transpose4x4(reinterpret_cast<const uint32_t*>(source + i * ss + j), ss, reinterpret_cast<uint32_t*>(target + j * ts + i), ts);
      }
      for (; j < cols; ++j) {
        for (int64_t k = i; k < i + 4; ++k) target[j * ts + k] = source[k * ss + j];
      }
    }
  }
  for (; i < rows; ++i) {
    for (int64_t j = 0; j < cols; ++j) target[j * ts + i] = source[i * ss + j];
  }
}

template <typename T>
void copy_row(const T* source, int64_t ss, T* target, int64_t ts, int64_t n) {
  if (ts == 1 && ss == 1) {
    std::memcpy(target, source, static_cast<size_t>(n) * sizeof(T));
  } else if (ts == 1 && ss == 0) {
    std::fill_n(target, n, *source);
  } else if (ts == 1) {
    for (int64_t i = 0; i < n; ++i) target[i] = source[i * ss];
  } else {
    for (int64_t i = 0; i < n; ++i) target[i * ts] = source[i * ss];
  }
}

// Offsets of the outer loops' position number `index`.
struct Position {
  int64_t source = 0, target = 0;
  int64_t at[kMaxCopyRank]{};

  Position(const CopyPlan& plan, int outer, int64_t index) {
    for (int d = outer; d-- > 0;) {
      at[d] = index % plan.dims[d];
      index /= plan.dims[d];
      source += at[d] * plan.source[d];
      target += at[d] * plan.target[d];
    }
  }
  void next(const CopyPlan& plan, int outer) {
    for (int d = outer; d-- > 0;) {
      source += plan.source[d];
      target += plan.target[d];
      if (++at[d] < plan.dims[d]) return;
      source -= plan.source[d] * plan.dims[d];
      target -= plan.target[d] * plan.dims[d];
      at[d] = 0;
    }
  }
};

// The last two loops at one position: tile by tile, so that every cache line of both sides is used while it is there.
template <typename T>
void transpose_plane(const CopyPlan& plan, const T* source, T* target, int64_t col_begin, int64_t col_end) {
  const int r = plan.rank;
  const int64_t rows = plan.dims[r - 1], ss = plan.source[r - 1], ts = plan.target[r - 2];
  // Loops: i runs over the destination's contiguous dim (strided in the source), j over the source's.
  for (int64_t j = col_begin; j < col_end; j += kTransposeBlock) {
    const int64_t cols = std::min(kTransposeBlock, col_end - j);
    for (int64_t i = 0; i < rows; i += kTransposeBlock) {
      transpose_tile(source + i * ss + j, ss, target + j * ts + i, ts, std::min(kTransposeBlock, rows - i), cols);
    }
  }
}

template <typename T>
void run_transposing(const CopyPlan& plan, const T* source, T* target, ThreadTeam& team) {
  const int outer = plan.rank - 2;
  int64_t planes = 1;
  for (int d = 0; d < outer; ++d) planes *= plan.dims[d];
  const int64_t cols = plan.dims[plan.rank - 2], strips = (cols + kTransposeBlock - 1) / kTransposeBlock;
  const int64_t strip_bytes = kTransposeBlock * plan.dims[plan.rank - 1] * int64_t{sizeof(T)};
  team.split(planes * strips, std::max<int64_t>(1, kMinPartBytes / std::max<int64_t>(strip_bytes, 1)), [&](int64_t begin, int64_t end) {
    int64_t plane = begin / strips;
    Position at(plan, outer, plane);
    for (int64_t unit = begin; unit < end;) {
      const int64_t first = unit - plane * strips, last = std::min(strips, end - plane * strips);
      transpose_plane(plan, source + at.source, target + at.target, first * kTransposeBlock, std::min(cols, last * kTransposeBlock));
      unit = plane * strips + last;
      ++plane;
      at.next(plan, outer);
    }
  });
}

// Rows of few bytes, whose number the compiler knows: a call of memcpy takes longer than they do (channels of one part of a Concat).
constexpr int64_t kShortUnit = 16, kLongestShortRow = 8 * kShortUnit;
using ShortRowsFn = void (*)(const void* source, int64_t source_step, void* target, int64_t target_step, int64_t rows);  // steps in bytes

template <int kUnits>
void copy_short_rows(const void* source, int64_t source_step, void* target, int64_t target_step, int64_t rows) {
  const char* from = static_cast<const char*>(source);
  char* to = static_cast<char*>(target);
  for (int64_t i = 0; i < rows; ++i, from += source_step, to += target_step) std::memcpy(to, from, kUnits * kShortUnit);
}

// Null for rows of other lengths.
ShortRowsFn short_rows(int64_t bytes) {
  static constexpr ShortRowsFn kByUnits[] = {&copy_short_rows<1>, &copy_short_rows<2>, &copy_short_rows<3>, &copy_short_rows<4>,
                                             &copy_short_rows<5>, &copy_short_rows<6>, &copy_short_rows<7>, &copy_short_rows<8>};
  return bytes % kShortUnit != 0 || bytes > kLongestShortRow ? nullptr : kByUnits[bytes / kShortUnit - 1];
}

template <typename T>
void run_rows(const CopyPlan& plan, const T* source, T* target, ThreadTeam& team) {
  const int outer = plan.rank - 1;
  const int64_t n = plan.dims[outer], ss = plan.source[outer], ts = plan.target[outer];
  int64_t rows = 1;
  for (int d = 0; d < outer; ++d) rows *= plan.dims[d];
  if (rows == 1) {  // one long row: split it
    team.split(n, std::max<int64_t>(1, kMinPartBytes / int64_t{sizeof(T)}), [&](int64_t begin, int64_t end) {
      copy_row(source + begin * ss, ss, target + begin * ts, ts, end - begin);
    });
    return;
  }
  const int64_t row_bytes = std::max<int64_t>(1, n * int64_t{sizeof(T)});
  const int64_t inner = plan.dims[outer - 1], source_step = plan.source[outer - 1], target_step = plan.target[outer - 1];
  const ShortRowsFn copy_short = ss == 1 && ts == 1 ? short_rows(row_bytes) : nullptr;
  team.split(rows, std::max<int64_t>(1, kMinPartBytes / row_bytes), [&](int64_t begin, int64_t end) {
    Position at(plan, outer - 1, begin / inner);
    for (int64_t row = begin; row < end; at.next(plan, outer - 1)) {
      const int64_t first = row % inner, count = std::min(inner - first, end - row);
      const T* from = source + at.source + first * source_step;
      T* to = target + at.target + first * target_step;
      row += count;
      if (copy_short != nullptr) {
        copy_short(from, source_step * int64_t{sizeof(T)}, to, target_step * int64_t{sizeof(T)}, count);
        continue;
      }
      for (int64_t i = 0; i < count; ++i) copy_row(from + i * source_step, ss, to + i * target_step, ts, n);
    }
  });
}

struct Pair16 {
  uint64_t low, high;
};

template <typename T>
void run_typed(const CopyPlan& plan, const void* source, void* target, ThreadTeam& team) {
  const auto* from = static_cast<const T*>(source);
  auto* to = static_cast<T*>(target);
  plan.transposes ? run_transposing(plan, from, to, team) : run_rows(plan, from, to, team);
}

}  // namespace

Dims row_major_strides(const Dims& dims) {
  Dims strides(dims.size());
  int64_t stride = 1;
  for (size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return strides;
}

CopyPlan make_copy_plan(const Dims& dims, const Dims& source_strides, const Dims& target_strides, int element_bytes) {
  CopyPlan plan;
  plan.element_bytes = element_bytes;
  std::vector<Loop> loops;
  for (size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == 0) plan.empty = true;
    if (dims[i] != 1) loops.push_back({dims[i], source_strides[i], target_strides[i]});
  }
  if (plan.empty) return plan;
  std::stable_sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) { return a.target > b.target; });
  std::vector<Loop> merged;
  for (const Loop& loop : loops) {
    const bool joins = !merged.empty() && merged.back().source == loop.source * loop.size && merged.back().target == loop.target * loop.size;
    if (joins) {
      merged.back() = {merged.back().size * loop.size, loop.source, loop.target};
    } else {
      merged.push_back(loop);
    }
  }
  if (merged.empty()) merged.push_back({1, 1, 1});
  // When the destination's inner loop jumps in the source, the loop that is contiguous there comes right above it.
  const Loop inner = merged.back();
  if (inner.target == 1 && inner.source != 1 && inner.source != 0) {
    for (size_t i = 0; i + 1 < merged.size(); ++i) {
      if (merged[i].source != 1) continue;
      const Loop across = merged[i];
      merged.erase(merged.begin() + static_cast<std::ptrdiff_t>(i));
      merged.insert(merged.end() - 1, across);
      plan.transposes = true;
      break;
    }
  }
  plan.rank = static_cast<int>(std::min<size_t>(merged.size(), kMaxCopyRank));
  for (int i = 0; i < plan.rank; ++i) {
    plan.dims[i] = merged[static_cast<size_t>(i)].size;
    plan.source[i] = merged[static_cast<size_t>(i)].source;
    plan.target[i] = merged[static_cast<size_t>(i)].target;
  }
  return plan;
}

void run_copy(const CopyPlan& plan, const void* source, void* target, ThreadTeam& team) {
  if (plan.empty) return;
  switch (plan.element_bytes) {
    case 1: return run_typed<uint8_t>(plan, source, target, team);
    case 2: return run_typed<uint16_t>(plan, source, target, team);
    case 4: return run_typed<uint32_t>(plan, source, target, team);
    case 8: return run_typed<uint64_t>(plan, source, target, team);
    default: return run_typed<Pair16>(plan, source, target, team);
  }
}

}  // namespace sinter::cpu
