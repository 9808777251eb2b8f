// Times of short calls: rounds of many, so that the clock costs nothing beside them.
#pragma once

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

// Least and median microseconds a call over rounds.
template <typename Fn>
std::pair<double, double> measure(int rounds, int calls, Fn&& call) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> us;
  for (int round = 0; round < rounds; ++round) {
    const auto begin = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count() / calls);
  }
  std::sort(us.begin(), us.end());
  return {us.front(), us[us.size() / 2]};
}
