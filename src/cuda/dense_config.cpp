#include "cuda/dense_config.h"

#include <algorithm>
#include <cstdio>
#include <span>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

struct Tile {
  int bm, bn, bk, stages, warps_m, warps_n;
  double speed;  // of its kind's best tile on a large product, as measured on an H200
  bool warpgroups = false;
};
constexpr Tile kTensor16[] = {{128, 256, 64, 3, 2, 4, 1.0}, {256, 128, 64, 3, 4, 2, 1.0}, {128, 128, 64, 3, 2, 2, 0.97},
                              {128, 128, 32, 4, 2, 2, 0.9}, {64, 128, 64, 3, 2, 2, 0.85}, {128, 64, 64, 3, 2, 2, 0.75},
                              {64, 64, 64, 4, 2, 2, 0.65},  {128, 32, 64, 4, 4, 1, 0.5},  {64, 32, 64, 4, 2, 1, 0.45},
                              {32, 64, 64, 4, 1, 2, 0.5},   {32, 32, 64, 5, 1, 1, 0.35}};
// Few stages leave room for more blocks a processor, which hides what a short k cannot.
constexpr Tile kWarpgroups[] = {{128, 256, 64, 4, 8, 1, 1.0, true}, {256, 128, 64, 4, 16, 1, 0.95, true},
                                {128, 128, 64, 3, 8, 1, 0.9, true}, {64, 128, 64, 4, 4, 1, 0.75, true},
                                {64, 128, 64, 2, 4, 1, 0.7, true},  {128, 64, 64, 4, 8, 1, 0.7, true},
                                {64, 64, 64, 3, 4, 1, 0.65, true},  {64, 64, 64, 2, 4, 1, 0.6, true},
                                {128, 32, 64, 3, 8, 1, 0.5, true},  {64, 32, 64, 3, 4, 1, 0.5, true}};
constexpr Tile kTensor8[] = {{128, 256, 128, 3, 2, 4, 1.0}, {256, 128, 128, 3, 4, 2, 1.0}, {128, 128, 128, 3, 2, 2, 0.97},
                             {128, 128, 64, 4, 2, 2, 0.9},  {64, 128, 128, 3, 2, 2, 0.85}, {128, 64, 128, 3, 2, 2, 0.75},
                             {128, 64, 64, 4, 2, 2, 0.7},   {64, 64, 128, 4, 2, 2, 0.65},  {64, 64, 64, 4, 2, 2, 0.6},
                             {128, 32, 128, 4, 4, 1, 0.5},  {64, 32, 128, 4, 2, 1, 0.45},  {32, 64, 128, 4, 1, 2, 0.5},
                             {32, 32, 128, 5, 1, 1, 0.35}};
constexpr Tile kWarpgroups8[] = {{128, 256, 128, 4, 8, 1, 1.0, true}, {256, 128, 128, 4, 16, 1, 0.95, true},
                                 {128, 128, 128, 3, 8, 1, 0.9, true}, {64, 128, 128, 4, 4, 1, 0.75, true},
                                 {64, 128, 128, 2, 4, 1, 0.7, true},  {128, 64, 128, 4, 8, 1, 0.7, true},
                                 {128, 64, 128, 2, 8, 1, 0.65, true}, {64, 64, 128, 3, 4, 1, 0.65, true},
                                 {64, 64, 128, 2, 4, 1, 0.6, true},   {128, 32, 128, 3, 8, 1, 0.5, true},
                                 {64, 32, 128, 3, 4, 1, 0.5, true}};
constexpr Tile kTf32[] = {{128, 128, 32, 3, 2, 2, 1.0}, {128, 128, 32, 3, 2, 4, 0.9}, {128, 64, 32, 3, 2, 2, 0.9},
                          {64, 64, 32, 4, 2, 2, 0.85},  {64, 32, 32, 4, 2, 1, 0.6},   {32, 64, 32, 4, 1, 2, 0.6}};
// Where a block has 48 KiB (--hardwareCompatibilityLevel=ampere+) most of the tiles above do not fit.
constexpr Tile kSmall16[] = {{128, 64, 32, 3, 2, 2, 0.7}, {64, 128, 32, 3, 2, 2, 0.7}, {64, 64, 32, 4, 2, 2, 0.6}};
constexpr Tile kSmallTf32[] = {{64, 32, 32, 3, 2, 1, 0.6}, {32, 64, 32, 3, 1, 2, 0.6}};
constexpr Tile kFma[] = {
    {128, 128, 16, 3, 4, 2, 1.0}, {128, 64, 16, 3, 4, 1, 0.9}, {64, 64, 16, 4, 2, 1, 0.7}, {32, 64, 32, 3, 1, 1, 0.5}};

std::span<const Tile> tiles_of(DenseMath math) {
  switch (math) {
    case DenseMath::kTensor16: return kTensor16;
    case DenseMath::kTf32: return kTf32;
    case DenseMath::kFma: return kFma;
    case DenseMath::kTensor8: return kTensor8;
  }
  return {};
}

constexpr int64_t kEverySharedBytes = 48 << 10;  // what a block may have without asking

std::span<const Tile> small_tiles(DenseMath math, const DeviceSpec& device) {
  if (device.shared_bytes > kEverySharedBytes) return {};
  if (math == DenseMath::kTensor16) return kSmall16;
  return math == DenseMath::kTf32 ? std::span<const Tile>(kSmallTf32) : std::span<const Tile>();
}

constexpr std::span<const Tile> kAllTiles[] = {kTensor16, kWarpgroups,  kTf32,    kFma,
                                               kTensor8,  kWarpgroups8, kSmall16, kSmallTf32};

// FLOP a microsecond of one multiprocessor.
double rate_of(const Tile& tile, DenseMath math) {
  switch (math) {
    case DenseMath::kTensor16: return tile.warpgroups ? 5.1e6 : 3.3e6;
    case DenseMath::kTf32: return 1.6e6;
    case DenseMath::kFma: return 0.4e6;
    case DenseMath::kTensor8: return tile.warpgroups ? 1.0e7 : 6.0e6;
  }
  return 1;
}

// Microseconds, roughly: the larger of arithmetic and the latency of a chain of k steps, and what dividing k costs.
double estimate(const Tile& tile, const DenseConfig& config, const DenseSize& size, int processors) {
  const int64_t tiles = ceil_quotient(size.m, tile.bm) * ceil_quotient(size.n, tile.bn) * size.z;
  const int64_t blocks = tiles * config.division(),
                steps = ceil_quotient(ceil_quotient(size.k, tile.bk), config.division());
  const double turns = static_cast<double>(ceil_quotient(blocks, processors));
  const double block_flops = 2.0 * tile.bm * tile.bn * static_cast<double>(steps) * tile.bk;
  const double arithmetic =
      turns * block_flops / (rate_of(tile, size.math) * tile.speed) * (size.vector_bytes < 8 ? 3 : 1);
  const double chain = 0.19 * static_cast<double>(steps);
  const double moved = static_cast<double>(tiles) * config.splits * tile.bm * tile.bn * 8e-6 /
                       4;  // partial sums, in memory or its cache
  return std::max(arithmetic, chain) + (config.splits > 1 ? 1.5 + moved : 0) +
         (config.cluster > 1 ? 1.2 + 0.05 * config.cluster : 0);
}

bool fits(const DenseConfig& config, const DenseSize& size, const DeviceSpec& device) {
  if (shared_bytes(config, size.element) > device.shared_bytes - 1024) return false;
  const int64_t tiles = ceil_quotient(size.m, config.bm) * ceil_quotient(size.n, config.bn) * size.z;
  const int64_t steps = ceil_quotient(size.k, config.bk);
  // Such sums take registers of their own.
  if (size.sums && config.bm * config.bn > 64 * config.threads()) return false;
  if (config.warpgroups && (device.sm != 90 || size.b_rows || size.sums)) return false;
  if (config.cluster > 1 && (device.sm < 90 || config.bm % config.cluster != 0)) return false;
  if (config.division() > 1 && (steps < 2 * config.division() || tiles >= 2 * device.processors)) return false;
  const bool by_32 = size.math == DenseMath::kFma || size.math == DenseMath::kTensor8;
  if (by_32 && size.b_rows && config.bn / config.warps_n % 32 != 0) return false;
  const bool wasteful = (config.bm > 64 && config.bm >= 2 * size.m) || (config.bn > 64 && config.bn >= 2 * size.n);
  return !wasteful;
}

// Blocks that stay have the next tile's operands on their way while they finish one: where every processor has several tiles.
bool stays_too(DenseConfig config, const DenseSize& size, const DeviceSpec& device) {
  config.stays = true;
  const int64_t tiles = ceil_quotient(size.m, config.bm) * ceil_quotient(size.n, config.bn) * size.z;
  return config.warpgroups && config.division() == 1 && tiles > 2 * device.processors && shared_bytes(config, size.element) <= device.shared_bytes - 1024;
}

}  // namespace

std::string to_string(const DenseConfig& c) {
  std::string text =
      fmt::format("{}{}x{}x{} s{} w{}x{}", c.stays ? "wgs " : c.warpgroups ? "wg " : "", c.bm, c.bn, c.bk, c.stages, c.warps_m, c.warps_n);
  if (c.splits > 1) text += fmt::format(" k{}", c.splits);
  if (c.cluster > 1) text += fmt::format(" c{}", c.cluster);
  return text;
}

Result<DenseConfig> parse_dense_config(std::string_view text) {
  DenseConfig c;
  c.stays = text.starts_with("wgs ");
  c.warpgroups = c.stays || text.starts_with("wg ");
  const std::string copy(text.substr(c.stays ? 4 : c.warpgroups ? 3 : 0));
  int used = 0;
  bool good = std::sscanf(copy.c_str(), "%dx%dx%d s%d w%dx%d%n", &c.bm, &c.bn, &c.bk, &c.stages, &c.warps_m, &c.warps_n,
                          &used) == 6;
  if (good && copy[static_cast<size_t>(used)] != '\0') {
    char kind = 0;
    int parts = 0, end = 0;
    good = std::sscanf(copy.c_str() + used, " %c%d%n", &kind, &parts, &end) == 2 && (kind == 'k' || kind == 'c') &&
           parts > 1 && parts <= 64 && copy[static_cast<size_t>(used + end)] == '\0';
    (kind == 'k' ? c.splits : c.cluster) = parts;
    good = good && !c.stays;
  }
  for (const std::span<const Tile> tiles : kAllTiles) {
    for (const Tile& t : tiles) {
      const bool same = t.warpgroups == c.warpgroups && t.bm == c.bm && t.bn == c.bn && t.bk == c.bk &&
                        t.stages == c.stages && t.warps_m == c.warps_m && t.warps_n == c.warps_n;
      if (good && same) return c;
    }
  }
  return make_error(Code::kInvalidEngine,
                    "dense kernel: found config '{}', expected one of this version's tiles; build the engine again",
                    text);
}

int64_t shared_bytes(const DenseConfig& c, int element) {
  const int64_t pipeline = int64_t{c.stages} * (c.bm + c.bn) * c.bk * element;
  if (c.stays) return pipeline + int64_t{c.warps_m} * 8 * (c.bn + 8) * 4 + 1024;
  const int64_t result =
      c.cluster > 1 ? int64_t{c.bm} * (c.bn + 8) : int64_t{c.warps_m} * c.warps_n * 16 * (c.bn / c.warps_n + 8);
  return std::max(pipeline, result * 4) + (c.warpgroups ? 1024 : 0);
}

std::vector<DenseConfig> dense_candidates(const DenseSize& size, const DeviceSpec& device, size_t count) {
  struct Candidate {
    DenseConfig config;
    double time;
  };
  std::vector<Candidate> all;
  const int processors = std::max(device.processors, 1);
  std::vector<Tile> tiles(tiles_of(size.math).begin(), tiles_of(size.math).end());
  if (size.math == DenseMath::kTensor16) tiles.insert(tiles.end(), std::begin(kWarpgroups), std::end(kWarpgroups));
  if (size.math == DenseMath::kTensor8) tiles.insert(tiles.end(), std::begin(kWarpgroups8), std::end(kWarpgroups8));
  const std::span<const Tile> small = small_tiles(size.math, device);
  tiles.insert(tiles.end(), small.begin(), small.end());
  for (const Tile& t : tiles) {
    for (const auto& [splits, cluster] : {std::pair{1, 1}, {2, 1}, {4, 1}, {8, 1}, {16, 1}, {1, 2}, {1, 4}, {1, 8}}) {
      DenseConfig config{t.bm, t.bn, t.bk, t.stages, t.warps_m, t.warps_n, splits, cluster, t.warpgroups};
      if (!fits(config, size, device)) continue;
      const double time = estimate(t, config, size, processors);
      all.push_back({config, time});
      config.stays = stays_too(config, size, device);
      if (config.stays) all.push_back({config, time});
    }
  }
  if (all.empty()) {  // every tile is wasteful: a single small product
    const Tile& t = small.empty() ? tiles_of(size.math).back() : small.back();
    all.push_back({DenseConfig{t.bm, t.bn, t.bk, t.stages, t.warps_m, t.warps_n, 1, 1, false, false}, 0});
  }
  std::stable_sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return a.time < b.time; });
  std::vector<DenseConfig> out;
  for (const Candidate& candidate : all) {
    if (out.size() == count) break;
    out.push_back(candidate.config);
  }
  return out;
}

}  // namespace sinter::cuda
