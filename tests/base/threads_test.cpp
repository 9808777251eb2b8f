#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>

#include "base/cpu_info.h"

namespace sinter {
namespace {

TEST(Threads, EveryPartRunsOnce) {
  for (int size : {1, 2, 3, 7}) {
    auto pool = make_thread_pool(size);
    for (int parts : {0, 1, 2, 5, 64}) {
      std::atomic<int> sum{0};
      pool->run(parts, [&](int part) { sum += part + 1; });
      EXPECT_EQ(sum, parts * (parts + 1) / 2) << "size " << size << " parts " << parts;
    }
  }
}

// More threads than cores, jobs of a few nanoseconds: workers come late, to jobs that are over and to the one after.
TEST(Threads, LateWorkersDoNoHarm) {
  auto pool = make_thread_pool(6);
  for (int round = 0; round < 20000; ++round) {
    int hits[4] = {};  // plain: a part that ran twice, or after run() returned, is a race too
    const int parts = 1 + round % 4;
    pool->run(parts, [&](int part) { ++hits[part]; });
    for (int part = 0; part < parts; ++part) ASSERT_EQ(hits[part], 1) << "round " << round;
  }
}

// Pools end while their workers begin, claim, spin and fall asleep.
TEST(Threads, PoolsEndWhateverTheirWorkersDo) {
  for (int round = 0; round < 3000; ++round) {
    auto pool = make_thread_pool(2 + round % 5);
    std::atomic<int> done{0};
    for (int job = 0; job < round % 3; ++job) pool->run(4, [&](int) { ++done; });
    EXPECT_EQ(done, round % 3 * 4);
  }
}

TEST(Threads, SplitCoversTheRange) {
  auto pool = make_thread_pool(3);
  for (int64_t count : {0, 1, 15, 16, 17, 1000}) {
    std::vector<std::atomic<int>> hits(count);
    pool->split(count, 16, [&](int64_t begin, int64_t end) {
      EXPECT_EQ(begin % 16, 0);
      for (int64_t i = begin; i < end; ++i) ++hits[i];
    });
    for (auto& hit : hits) EXPECT_EQ(hit, 1);
  }
}

TEST(CpuInfo, IsPlausible) {
  EXPECT_GE(cpu_info().usable_cores, 1);
  EXPECT_LE(cpu_info().usable_cores, cpu_info().logical_cores);
  EXPECT_LE(cpu_info().isa, cpu_info().hardware_isa);
}

}  // namespace
}  // namespace sinter
