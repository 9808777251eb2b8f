#include "builder/timing_cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "support/temporary.h"

namespace sinter::builder {
namespace {

TEST(TimingCache, KeepsExactNumbers) {
  const testing::TemporaryFolder folder;
  TimingCache cache;
  const std::string key = TimingCache::key("work");
  cache.insert(key, {1.0 / 3, 0.1}, "label\twith\ntabs");
  ASSERT_TRUE(cache.save(folder.path("t")).ok());
  const auto again = TimingCache::load(folder.path("t"));
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE(again->find(key).has_value());
  EXPECT_EQ(again->find(key)->us, 1.0 / 3);
  EXPECT_FALSE(again->find(TimingCache::key("other work")).has_value());
}

TEST(TimingCache, ManyProcessesLoseNothing) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path("t");
  constexpr int kProcesses = 8, kEntries = 20;
  std::vector<pid_t> children;
  for (int p = 0; p < kProcesses; ++p) {
    const pid_t child = fork();
    if (child == 0) {
      bool good = true;
      for (int i = 0; i < kEntries; ++i) {
        auto cache = TimingCache::load(path);
        good = good && cache.ok();
        if (!cache.ok()) break;
        cache->insert(TimingCache::key(fmt::format("{}.{}", p, i)), {1.0 * i, 0}, "x");
        good = good && cache->save(path).ok();
      }
      _exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  const auto all = TimingCache::load(path);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->size(), static_cast<size_t>(kProcesses * kEntries));
}

TEST(TimingCache, DamagedLinesAreDroppedOtherFilesRefused) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path("t");
  TimingCache cache;
  cache.insert(TimingCache::key("a"), {1, 0}, "x");
  ASSERT_TRUE(cache.save(path).ok());
  std::ofstream(path, std::ios::app) << "half a line\n0123\tx\ty\tz\n" << TimingCache::key("b") << "\tnan\t0\tx\n" << TimingCache::key("c") << "\t2\t0\tx";
  const auto read = TimingCache::load(path);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->size(), 2u);
  std::ofstream(path) << "{\"json\": 1}\n";
  const auto other = TimingCache::load(path);
  ASSERT_FALSE(other.ok());
  EXPECT_NE(other.status().message().find("no timing cache"), std::string::npos);
  EXPECT_TRUE(TimingCache::load(folder.path("missing")).ok());
  EXPECT_FALSE(cache.save(folder.path("no/such/folder/t")).ok());
}

}  // namespace
}  // namespace sinter::builder
