#include "cuda/strided_copy.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace sinter::cuda {
namespace {

constexpr int kThreads = 256, kTile = 32, kWideTile = 64;
constexpr int64_t kManyElements = 1 << 19;  // from here on wide tiles of small elements leave enough blocks

// As in kernels/copy.cu.
struct CopyArgs {
  const void* from = nullptr;
  void* to = nullptr;
  int64_t count = 0;
  int32_t rank = 0, narrow = 0;
  uint32_t size[kMapRank] = {};
  int64_t source[kMapRank] = {}, target[kMapRank] = {};
};
struct TileArgs {
  const void* from = nullptr;
  void* to = nullptr;
  int64_t rows = 0, columns = 0, row_target = 0, column_source = 0;
  int32_t rank = 0;
  uint32_t size[kMapRank] = {};
  int64_t source[kMapRank] = {}, target[kMapRank] = {};
};

struct Loop {
  int64_t size, source, target;
};

// Without dims of 1, outermost in the target first, neighbours that are one run on both sides merged.
std::vector<Loop> loops_of(const Dims& dims, const Dims& source, const Dims& target) {
  std::vector<Loop> loops;
  for (size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] != 1) loops.push_back({dims[d], source[d], target[d]});
  }
  std::stable_sort(loops.begin(), loops.end(), [](const Loop& a, const Loop& b) { return a.target > b.target; });
  std::vector<Loop> merged;
  for (const Loop& loop : loops) {
    if (!merged.empty()) {
      Loop& last = merged.back();
      if (last.source == loop.source * loop.size && last.target == loop.target * loop.size && last.size * loop.size <= INT32_MAX) {
        last = {last.size * loop.size, loop.source, loop.target};
        continue;
      }
    }
    merged.push_back(loop);
  }
  if (merged.empty()) merged.push_back({1, 1, 1});
  return merged;
}

template <typename Args>
std::vector<char> bytes_of(const Args& args) {
  std::vector<char> bytes(sizeof args);
  std::memcpy(bytes.data(), &args, sizeof args);
  return bytes;
}

}  // namespace

Result<StridedCopy> StridedCopy::make(const Tensor& code, int bytes) {
  StridedCopy copy;
  copy.bytes_ = bytes;
  for (int k = 0; k < 5; ++k) {
    SINTER_ASSIGN(copy.copies_[k], Function::load(code, fmt::format("copy_{}", 1 << k)));
    if (k >= 4) break;
    SINTER_ASSIGN(copy.tiles_[k], Function::load(code, fmt::format("tile_{}", 1 << k)));
    if (k < 2) {
      SINTER_ASSIGN(copy.wide_[k], Function::load(code, fmt::format("wide_{}", 1 << k)));
    }
  }
  return copy;
}

Status StridedCopy::add(const Dims& dims, const Dims& source, const Dims& target, int64_t source_offset, int64_t target_offset) {
  Part part;
  part.source_bytes = source_offset * bytes_;
  part.target_bytes = target_offset * bytes_;
  const int64_t count = product(dims);
  if (count == 0) return ok_status();
  std::vector<Loop> loops = loops_of(dims, source, target);
  if (loops.size() > kMapRank) {
    return make_error(Code::kUnsupported, "a copy of {} takes {} loops, the kernels have {}", to_string(dims), loops.size(), kMapRank);
  }
  part.how.threads = kThreads;
  const int log_bytes = std::countr_zero(static_cast<unsigned>(bytes_));
  Loop inner = loops.back();
  const auto rows = std::find_if(loops.begin(), loops.end(), [](const Loop& loop) { return loop.source == 1; });
  const bool crosses = inner.target == 1 && inner.source != 1 && inner.source != 0 && rows != loops.end() && rows->size >= 4 && inner.size >= 4;
  if (crosses) {
    TileArgs args;
    args.rows = rows->size;
    args.columns = inner.size;
    args.row_target = rows->target;
    args.column_source = inner.source;
    int64_t outside = 1;
    for (const Loop& loop : loops) {
      if (&loop == &*rows || &loop == &loops.back()) continue;
      args.size[args.rank] = static_cast<uint32_t>(loop.size);
      args.source[args.rank] = loop.source;
      args.target[args.rank++] = loop.target;
      outside *= loop.size;
    }
    const bool wide = bytes_ <= 2 && count >= kManyElements && args.rows > kTile && args.columns > kTile;
    const int64_t tile = wide ? kWideTile : kTile;
    part.how.grid = {(args.rows + tile - 1) / tile, (args.columns + tile - 1) / tile, outside};
    if (part.how.grid.y <= 65535 && outside <= 65535) {
      part.args = bytes_of(args);
      part.kernel = (wide ? 12 : 8) + log_bytes;
      parts_.push_back(std::move(part));
      return ok_status();
    }
  }
  // As wide as runs, offsets and strides allow.
  int wide = 1;
  if (inner.source == 1 && inner.target == 1) {
    const auto fits = [&](int elements) {
      bool ok = inner.size % elements == 0 && source_offset % elements == 0 && target_offset % elements == 0;
      for (size_t d = 0; d + 1 < loops.size(); ++d) ok &= loops[d].source % elements == 0 && loops[d].target % elements == 0;
      return ok;
    };
    while (wide * bytes_ < 16 && fits(wide * 2)) wide *= 2;
  }
  CopyArgs args;
  args.count = count / wide;
  args.narrow = args.count <= INT32_MAX;
  for (size_t d = 0; d < loops.size(); ++d) {
    const bool last = d + 1 == loops.size();
    args.size[d] = static_cast<uint32_t>(last ? loops[d].size / wide : loops[d].size);
    args.source[d] = last ? loops[d].source : loops[d].source / wide;
    args.target[d] = last ? loops[d].target : loops[d].target / wide;
  }
  args.rank = static_cast<int32_t>(loops.size());
  part.how.grid.x = (args.count + kThreads - 1) / kThreads;
  part.args = bytes_of(args);
  part.kernel = std::countr_zero(static_cast<unsigned>(bytes_ * wide));
  parts_.push_back(std::move(part));
  return ok_status();
}

Status StridedCopy::launch(size_t index, const void* from, void* to, void* stream) {
  Part& part = parts_[index];
  const void* source = static_cast<const char*>(from) + part.source_bytes;
  void* target = static_cast<char*>(to) + part.target_bytes;
  std::memcpy(part.args.data() + offsetof(CopyArgs, from), &source, sizeof source);
  std::memcpy(part.args.data() + offsetof(CopyArgs, to), &target, sizeof target);
  Launch how = part.how;
  how.stream = stream;
  void* pointers[] = {part.args.data()};
  const Function& function = part.kernel >= 12 ? wide_[part.kernel - 12] : part.kernel >= 8 ? tiles_[part.kernel - 8] : copies_[part.kernel];
  return launch_raw(function, how, pointers);
}

}  // namespace sinter::cuda
