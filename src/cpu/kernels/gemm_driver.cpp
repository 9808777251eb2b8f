#include "cpu/kernels/gemm_driver.h"

#include <algorithm>

namespace sinter::cpu {
namespace {

// Shares of a second-level cache of 1 MiB or more (2 MiB where this was tuned) for one block of A and one group of B.
constexpr int64_t kBlockOfA = 512 << 10, kGroupOfB = 384 << 10;
// A that is no larger than this stays one block: a second block would read all of B again, from beyond the second level.
// 10 % for 128 and 197 rows of 1024.
constexpr int64_t kWholeA = 1 << 20;
// Where all of B fits its share, a block of rows is kept this small, so that whole rows of C are written while in
// cache: 20 % faster for the widening 1x1 layers of MobileNet.
constexpr int64_t kBlockOfC = 128 << 10;
// k is blocked only beyond this: reloading C costs about 1 % of a block of 1024.
constexpr int64_t kLongestBlock = 1024;

// Estimated cycles for one step of k: two multiply-adds or two loads a cycle, or the latency of four. Matrix registers multiply a row and a
// panel by 16 steps of k in a cycle, load two of their rows in one, and have a latency of 52.
double step_cycles(const TileSet& set, int rows, int panels) {
  if (set.matrix) return std::max({1.0 * rows * panels, (rows + kPanel * panels) / 2.0, 52.0}) / 16;
  const int vectors = set.panel_vectors;
  const double sums = rows * panels * vectors;
  return std::max({sums / 2, (rows + panels * vectors) / 2.0, 4.0});
}

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// One tile of a block of rows.
struct TileInfo {
  int64_t row;
  int64_t segment_count;
  int64_t prefetch_offset;  // of its share of the next group of B, in bytes from the present group
  int count;                // rows
  int joined;               // segments of the problem in each of the list's
  bool stepped;             // rows are kPixelStep apart
};

// The scratch of one thread: row addresses and the segment list of each tile of a block.
struct Scratch {
  const void** rows;
  TileSegment* segments;
  TileInfo* tiles;
};

Scratch carve(void* memory, const GemmBlocking& blocking, int64_t segments, int terms) {
  Scratch scratch;
  char* at = static_cast<char*>(memory);
  scratch.rows = reinterpret_cast<const void**>(at);
  at += blocking.row_tiles * segments * blocking.rows * sizeof(void*);
  scratch.segments = reinterpret_cast<TileSegment*>(at);
  at += blocking.row_tiles * segments * terms * sizeof(TileSegment);
  scratch.tiles = reinterpret_cast<TileInfo*>(at);
  return scratch;
}

bool all_padding(const void* const* rows, int count, const void* zeros) {
  for (int r = 0; r < count; ++r) {
    if (rows[r] != zeros) return false;
  }
  return true;
}

bool are_stepped(const void* const* rows, int count) {
  for (int r = 1; r < count; ++r) {
    if (static_cast<const char*>(rows[r]) - static_cast<const char*>(rows[r - 1]) != kPixelStep * kUnitBytes) return false;
  }
  return true;
}

// Units of a panel's high parts, behind which its low ones lie.
int64_t low_offset(const GemmArgs& args) { return args.segments * args.k * kPanel; }
int64_t panel_units(const GemmArgs& args) { return low_offset(args) * (args.terms == 1 ? 1 : 2); }

// The products of split operands for `count` segments. Segments of whole steps have theirs one after the other, while they are in cache; the ends
// of others share steps with the next one's, if that is of the same parts.
int64_t list_terms(const GemmArgs& args, int64_t count, int64_t joined, TileSegment* list) {
  constexpr int64_t kStepUnits = 16;
  const int64_t low = low_offset(args);
  const auto term = [&](const TileSegment& high, int which) {
    return TileSegment{high.rows, high.b_offset + (which == 2 ? low : 0), which == 0 ? args.a_low : 0};
  };
  if (args.k * joined % kStepUnits == 0) {
    for (int64_t s = count; s-- > 0;) {
      const TileSegment high = list[s];
      for (int which = 0; which < 3; ++which) list[3 * s + which] = term(high, which);
    }
  } else {
    for (int which = 2; which >= 0; --which) {
      for (int64_t s = count; s-- > 0;) list[which * count + s] = term(list[s], which);
    }
  }
  return 3 * count;
}

// Cuts rows [begin, end) into tiles of nearly equal height.
void list_tiles(const GemmArgs& args, const GemmBlocking& blocking, const Scratch& scratch, int64_t begin, int64_t end,
                int64_t tiles) {
  const int64_t low = (end - begin) / tiles, taller = (end - begin) % tiles;
  for (int64_t i = 0, row = begin; i < tiles; ++i) {
    TileInfo& info = scratch.tiles[i];
    info.row = row;
    info.count = static_cast<int>(low + (i < taller ? 1 : 0));
    row += info.count;
    const void** rows = scratch.rows + i * args.segments * blocking.rows;
    TileSegment* list = scratch.segments + i * args.segments * args.terms;
    info.joined = args.fill(args.fill_ctx, info.row, info.count, rows);
    info.stepped = args.k_offsets != nullptr && are_stepped(rows, info.count);
    info.segment_count = 0;
    for (int64_t s = 0; s * info.joined < args.segments; ++s) {
      const void** of_segment = rows + s * info.count;
      if (args.zeros != nullptr && all_padding(of_segment, info.count, args.zeros)) continue;
      list[info.segment_count++] = {of_segment, s * info.joined * args.k * kPanel};
    }
    if (args.terms != 1) info.segment_count = list_terms(args, info.segment_count, info.joined, list);
  }
}

// The next group of B is fetched to L2 while one is in use, each tile fetching its share: sets the tiles' offsets and
// returns the bytes to advance for every four k, 0 for no prefetch.
int64_t plan_prefetch(const GemmArgs& args, const GemmBlocking& blocking, const Scratch& scratch, int64_t tiles,
                      const TileCall& call) {
  const bool contiguous = args.segments == 1 || call.k == args.k;  // within a panel
  if (!contiguous || call.k == 0) return 0;
  constexpr int64_t kStepBytes = kPanel * kUnitBytes;
  const int64_t panel_bytes = args.terms == 1 ? args.segments * call.k * kStepBytes : panel_units(args) * kUnitBytes;
  for (int64_t i = 0; i < tiles; ++i) {
    const int64_t at = panel_bytes * blocking.panels * i / tiles;
    const int64_t panel = blocking.panels + at / panel_bytes;
    scratch.tiles[i].prefetch_offset =
        panel * call.panel_stride * kUnitBytes + at % panel_bytes;
  }
  return std::min<int64_t>(4 * kStepBytes * blocking.panels / tiles, 128);
}

// One block of k of one block of rows, over the panels.
void multiply_block(const TileSet& set, const GemmArgs& args, const GemmBlocking& blocking,
                    const Scratch& scratch, int64_t tiles, int64_t panel_begin, int64_t panel_end, int64_t k_begin,
                    TileCall call) {
  const int64_t k = call.k;
  const bool several = panel_end - panel_begin > blocking.panels;
  const int64_t prefetch_step = several ? plan_prefetch(args, blocking, scratch, tiles, call) : 0;
  for (int64_t panel = panel_begin; panel < panel_end; panel += blocking.panels) {
    const int panels = static_cast<int>(std::min<int64_t>(blocking.panels, panel_end - panel));
    const bool prefetch = prefetch_step != 0 && panel + blocking.panels < panel_end;
    call.b = static_cast<const char*>(args.b) + (panel * call.panel_stride + k_begin * kPanel) * kUnitBytes;
    call.cols = static_cast<int>(std::min<int64_t>(panels * kPanel, args.n - panel * kPanel));
    call.col = args.col_begin + panel * kPanel;
    const TileFn* tile_fn = args.k_offsets != nullptr ? set.indexed_tile[panels - 1] : set.tile[panels - 1];
    call.prefetch = static_cast<const char*>(call.b);
    call.prefetch_step = prefetch ? prefetch_step : 0;
    for (int64_t i = 0; i < tiles; ++i) {
      const TileInfo& info = scratch.tiles[i];
      call.segments = scratch.segments + i * args.segments * args.terms;
      call.segment_count = info.segment_count;
      call.k = k * info.joined;
      call.row = info.row;
      call.rows = info.count;
      call.c = static_cast<char*>(args.c) + (info.row * args.c_stride + call.col) * args.c_bytes;
      if (prefetch) call.prefetch = static_cast<const char*>(call.b) + info.prefetch_offset;
      const TileFn stepped = info.stepped ? set.stepped_tile[panels - 1][info.count - 1] : nullptr;
      (stepped != nullptr ? stepped : tile_fn[info.count - 1])(call);
    }
  }
}

}  // namespace

GemmBlocking choose_blocking(const TileSet& set, int64_t m, int64_t n, int64_t k, int64_t segments,
                             bool indexed, int only_panels) {
  GemmBlocking best;
  const int64_t panels = std::max<int64_t>(panel_count(n), 1);
  m = std::max<int64_t>(m, 1);
  double best_cycles = 0;
  const int64_t widest = std::min<int64_t>(indexed ? set.max_indexed_panels : set.max_panels, panels);
  const int only = static_cast<int>(std::min<int64_t>(only_panels, widest));
  for (int width = std::max(only, 1); width <= (only > 0 ? only : widest); ++width) {
    const int64_t tiles = (m + set.best_rows[width - 1] - 1) / set.best_rows[width - 1];
    const int rows = static_cast<int>((m + tiles - 1) / tiles);
    const int rest = static_cast<int>(panels % width);
    double cycles = (panels / width) * step_cycles(set, rows, width);
    if (rest != 0) cycles += step_cycles(set, rows, rest);
    cycles *= tiles;
    if (best.k_block == 0 || cycles < best_cycles) {
      best_cycles = cycles;
      best.k_block = 1;
      best.panels = width;
      best.rows = rows;
    }
  }
  const int64_t group_k = kGroupOfB / (best.panels * kPanel * 4) / std::max<int64_t>(segments, 1);
  const int64_t longest = set.whole_k ? std::max<int64_t>(k, 1) : std::clamp<int64_t>(group_k, 16, kLongestBlock);
  const int64_t blocks = std::max<int64_t>((k + longest - 1) / longest, 1);
  best.k_block = std::max<int64_t>(round_up((k + blocks - 1) / blocks, 16), 16);
  const int64_t row_bytes = std::min(std::max<int64_t>(k, 1), best.k_block) * 4;
  const int64_t tiles = (m + best.rows - 1) / best.rows;
  int64_t block_rows = m * row_bytes <= kWholeA ? m : kBlockOfA / row_bytes;
  if (panels * kPanel * k * segments * 4 <= kGroupOfB) {
    block_rows = std::min(block_rows, kBlockOfC / (panels * kPanel * static_cast<int64_t>(sizeof(float))));
  }
  best.row_tiles = block_rows >= m ? tiles : std::clamp<int64_t>(block_rows / best.rows, 1, tiles);
  return best;
}

int64_t gemm_scratch_bytes(const GemmBlocking& blocking, int64_t segments, int terms) {
  const int64_t per_segment = blocking.rows * sizeof(void*) + terms * sizeof(TileSegment);
  return round_up(blocking.row_tiles * (segments * per_segment + sizeof(TileInfo)), 64);
}

void gemm_block(const TileSet& set, const GemmArgs& args, const GemmBlocking& blocking, int64_t row_begin,
                int64_t row_end, int64_t panel_begin, int64_t panel_end, void* scratch_memory) {
  if (row_begin >= row_end || panel_begin >= panel_end) return;
  const Scratch scratch = carve(scratch_memory, blocking, args.segments, args.terms);
  const int64_t all_tiles = (row_end - row_begin + blocking.rows - 1) / blocking.rows;
  const int64_t row_blocks = (all_tiles + blocking.row_tiles - 1) / blocking.row_tiles;
  TileCall call{};
  call.panel_stride = panel_units(args);
  call.c_stride = args.c_stride;
  call.tail = args.tail;
  call.a_signed = args.a_signed;
  call.a_low = args.a_low;
  call.b_low = args.terms == 1 ? 0 : low_offset(args);
  call.epilogue = args.epilogue;
  for (int64_t block = 0; block < row_blocks; ++block) {
    const int64_t first = all_tiles * block / row_blocks, last = all_tiles * (block + 1) / row_blocks;
    const int64_t begin = row_begin + (row_end - row_begin) * first / all_tiles;
    const int64_t end = row_begin + (row_end - row_begin) * last / all_tiles;
    list_tiles(args, blocking, scratch, begin, end, last - first);
    int64_t k = 0;
    do {
      call.a_offset = args.k_offsets != nullptr ? 0 : k;
      call.k_offsets = args.k_offsets != nullptr ? args.k_offsets + k : nullptr;
      call.k = std::min(blocking.k_block, args.k - k);
      call.accumulate = k != 0;
      call.finish = k + call.k == args.k;
      multiply_block(set, args, blocking, scratch, last - first, panel_begin, panel_end, k, call);
      k += call.k;
    } while (k < args.k);
  }
  if (set.release != nullptr) set.release();
}

GridSplit split_grid(int parts, int64_t m_units, int64_t n_units, int64_t m_bytes, int64_t n_bytes) {
  GridSplit best{1, 1};
  int64_t best_work = m_units * n_units, best_bytes = m_units * m_bytes + n_units * n_bytes;
  for (int m_parts = 1; m_parts <= parts; ++m_parts) {
    const int n_parts = parts / m_parts;
    const int64_t rows = (m_units + m_parts - 1) / m_parts, columns = (n_units + n_parts - 1) / n_parts;
    const int64_t work = rows * columns, bytes = rows * m_bytes + columns * n_bytes;
    if (work < best_work || (work == best_work && bytes < best_bytes)) {
      best_work = work;
      best_bytes = bytes;
      best = {m_parts, n_parts};
    }
  }
  return best;
}

void gemm_on_team(const TileSet& set, const GemmArgs& args, const GemmBlocking& blocking, ThreadTeam& team,
                  void* scratch) {
  const int64_t tiles = (args.m + blocking.rows - 1) / blocking.rows, panels = panel_count(args.n);
  const int64_t groups = (panels + blocking.panels - 1) / blocking.panels;
  // Pixels under several taps of a filter are read once, each tap's weights too.
  const GridSplit grid = split_grid(team.size(), tiles, groups, blocking.rows, blocking.panels * kPanel * args.segments);
  const int64_t scratch_bytes = gemm_scratch_bytes(blocking, args.segments, args.terms);
  team.run(grid.m_parts * grid.n_parts, [&](int part) {
    const int64_t i = part % grid.m_parts, j = part / grid.m_parts;
    const int64_t row_begin = tiles * i / grid.m_parts * blocking.rows;
    const int64_t row_end = std::min(tiles * (i + 1) / grid.m_parts * blocking.rows, args.m);
    const int64_t panel_begin = groups * j / grid.n_parts * blocking.panels;
    const int64_t panel_end = std::min(groups * (j + 1) / grid.n_parts * blocking.panels, panels);
    gemm_block(set, args, blocking, args.first_row + row_begin, args.first_row + row_end, panel_begin, panel_end,
               static_cast<char*>(scratch) + part * scratch_bytes);
  });
}

}  // namespace sinter::cpu
