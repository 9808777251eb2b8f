#include "base/core_lease.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/cpu_info.h"

namespace sinter {
namespace {

TEST(CoreLease, NeverMoreThanTheCores) {
  const int cores = cpu_info().usable_cores;
  std::atomic<int> busy{0}, most{0}, runs{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      const int wanted = 1 + t % 3;
      for (int i = 0; i < 200; ++i) {
        const CoreLease lease(wanted);
        const int now = busy.fetch_add(std::min(wanted, cores)) + std::min(wanted, cores);
        int seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {}
        std::this_thread::yield();
        busy.fetch_sub(std::min(wanted, cores));
        ++runs;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs.load(), 1600);
  EXPECT_LE(most.load(), cores);
}

TEST(CoreLease, InsideALeaseAnotherTakesNothing) {
  const CoreLease outer(1 << 20);
  const CoreLease inner(1 << 20);  // would wait for ever
  SUCCEED();
}

}  // namespace
}  // namespace sinter
