// The most multiply-adds the vector units do: independent chains in registers, no memory. Included by the kernel tables' files.
#pragma once

#include <cstdint>

namespace sinter::cpu {
namespace {

constexpr int kPeakChains = 12;  // latency times units, within the baseline's 16 registers

// `rounds` times kPeakChains vectors; the sum of all lanes, so that nothing is left out.
float peak_loop(int64_t rounds) {
  Vec sums[kPeakChains];
  for (int i = 0; i < kPeakChains; ++i) sums[i] = splat(static_cast<float>(i));
  const Vec scale = splat(0.999F), step = splat(1e-3F);
  for (int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kPeakChains; ++i) sums[i] = fma(sums[i], scale, step);
  }
  float lanes[kLanes], total = 0;
  for (int i = 1; i < kPeakChains; ++i) sums[0] = add(sums[0], sums[i]);
  store(lanes, sums[0]);
  for (const float lane : lanes) total += lane;
  return total;
}

inline void fill_peak(KernelTable& table) {
  table.peak_loop = &peak_loop;
  table.peak_ops = 2 * kPeakChains * kLanes;
}

}  // namespace
}  // namespace sinter::cpu
