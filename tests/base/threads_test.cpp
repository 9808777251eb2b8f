#include "base/threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

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
  EXPECT_TRUE(isa_includes(cpu_info().hardware_isa, cpu_info().isa));
  const char* limit = std::getenv("SINTER_MAX_ISA");
  if (limit != nullptr && limit == std::string_view("baseline")) {
    EXPECT_EQ(cpu_info().isa, Isa::kBaseline);
  }
}

TEST(CpuInfo, ClassesOfTwoArchitectures) {
  for (int i = 0; i <= static_cast<int>(kLastIsa); ++i) {
    const auto isa = static_cast<Isa>(i);
    EXPECT_TRUE(isa_includes(isa, isa)) << isa_name(isa);
    EXPECT_TRUE(isa_includes(isa, Isa::kBaseline)) << isa_name(isa);
    EXPECT_EQ(isa_includes(Isa::kBaseline, isa), isa == Isa::kBaseline) << isa_name(isa);
    EXPECT_EQ(isa_includes(isa, Isa::kDotprod), isa == Isa::kDotprod) << isa_name(isa);
    EXPECT_EQ(isa_includes(Isa::kAmx, isa), isa != Isa::kDotprod) << isa_name(isa);
    EXPECT_EQ(isa_includes(Isa::kDotprod, isa), isa == Isa::kBaseline || isa == Isa::kDotprod) << isa_name(isa);
  }
  EXPECT_FALSE(isa_includes(Isa::kAvx2, Isa::kAvx512));
  EXPECT_TRUE(isa_includes(Isa::kAvx512Vnni, Isa::kAvx2));
#if defined(__aarch64__)
  EXPECT_TRUE(cpu_info().hardware_isa == Isa::kBaseline || cpu_info().hardware_isa == Isa::kDotprod);
#elif defined(__x86_64__)
  EXPECT_NE(cpu_info().hardware_isa, Isa::kDotprod);
#endif
}

}  // namespace
}  // namespace sinter
