#include "tactic/probe.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "core/tensor.h"
#include "cpu/kernels/kernel_table.h"

namespace sinter {
namespace {

constexpr int kTries = 5;
constexpr int64_t kRounds = 1 << 20;         // a few milliseconds
constexpr int64_t kCopyBytes = 128 << 20;    // source and destination each

// The fastest of a few: others on the machine only slow it down.
template <typename Work>
double best_seconds(Work&& work) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  for (int i = 0; i < kTries; ++i) {
    const auto start = Clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

}  // namespace

double cpu_flops(ThreadTeam& team) {
  const cpu::KernelTable& table = cpu::kernel_table();
  std::vector<float> sums(static_cast<size_t>(team.size()));
  const double seconds = best_seconds([&] { team.run(team.size(), [&](int part) { sums[static_cast<size_t>(part)] = table.peak_loop(kRounds); }); });
  return static_cast<double>(table.peak_ops) * static_cast<double>(kRounds) * team.size() / seconds;
}

double cpu_bandwidth(ThreadTeam& team) {
  Tensor from(DType::kU8, {kCopyBytes}), to(DType::kU8, {kCopyBytes});
  const auto fill = [&](int64_t begin, int64_t end) { std::memset(from.data<uint8_t>() + begin, 1, static_cast<size_t>(end - begin)); };
  const auto copy = [&](int64_t begin, int64_t end) {
    std::memcpy(to.data<uint8_t>() + begin, from.data<uint8_t>() + begin, static_cast<size_t>(end - begin));
  };
  team.split(kCopyBytes, 4096, fill);
  const double seconds = best_seconds([&] { team.split(kCopyBytes, 4096, copy); });
  return 2.0 * static_cast<double>(kCopyBytes) / seconds;
}

}  // namespace sinter
