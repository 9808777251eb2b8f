// The cache of engines through the public headers: what is built once, what makes another key, and what many processes do at once.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sinter/sinter.hpp>

#include "session/sample_model.h"
#include "support/temporary.h"

namespace sinter {
namespace {

namespace fs = std::filesystem;

class EngineCacheTest : public ::testing::Test {
 protected:
  EngineCacheTest() {
    std::ofstream(model, std::ios::binary) << test::product_model();
    options.cache_dir = cache.c_str();
    options.threads = 1;
    options.progress = [](void* user, const char*, int64_t, int64_t) { return ++*static_cast<int*>(user), 0; };
    options.progress_user = &builds;
  }
  size_t engines() const {
    size_t count = 0;
    if (!fs::exists(cache)) return 0;
    for (const auto& entry : fs::directory_iterator(cache)) count += entry.path().extension() == ".engine";
    return count;
  }
  // Whether it was built.
  bool built() {
    const int before = builds;
    Engine engine = load_or_build(model, options);
    EXPECT_EQ(engine.input_count(), 1u);
    return builds != before;
  }
  testing::TemporaryFolder folder;
  const std::string model = folder.path("model.onnx"), cache = folder.path("cache/engines");
  BuildOptions options;
  int builds = 0;
};

TEST_F(EngineCacheTest, BuildsAtFirstUseOnly) {
  EXPECT_TRUE(built());
  EXPECT_FALSE(built());
  EXPECT_EQ(engines(), 1u);
  // Equal contents elsewhere are the same model.
  fs::create_directories(folder.path("elsewhere"));
  fs::copy_file(model, folder.path("elsewhere/model.onnx"));
  const int before = builds;
  load_or_build(folder.path("elsewhere/model.onnx"), options);
  EXPECT_EQ(builds, before);
}

TEST_F(EngineCacheTest, OptionsAndContentsMakeTheKey) {
  EXPECT_TRUE(built());
  options.tf32 = 0;
  EXPECT_TRUE(built());
  options.threads = 2;
  EXPECT_TRUE(built());
  EXPECT_FALSE(built());
  std::ofstream(model, std::ios::binary) << test::product_model() << std::string("\x12\x01x");  // another producer: the same graph in other bytes
  EXPECT_EQ(engines(), 3u);
  const Engine other = load_or_build(model, options);
  EXPECT_EQ(engines(), 4u);
}

TEST_F(EngineCacheTest, DamagedEnginesAreBuiltAnew) {
  EXPECT_TRUE(built());
  for (const auto& entry : fs::directory_iterator(cache)) {
    if (entry.path().extension() == ".engine") std::ofstream(entry.path(), std::ios::binary) << "no engine";
  }
  EXPECT_TRUE(built());
  EXPECT_FALSE(built());
}

TEST_F(EngineCacheTest, KeepsWithinItsBound) {
  EXPECT_TRUE(built());
  options.cache_bytes = 1;  // less than any engine: it still loads
  options.tf32 = 0;
  EXPECT_TRUE(built());
  EXPECT_EQ(engines(), 0u);
}

TEST_F(EngineCacheTest, ListsAndPrunes) {
  EXPECT_TRUE(built());
  options.tf32 = 0;
  EXPECT_TRUE(built());
  char* text = nullptr;
  ASSERT_EQ(sinter_cache_list_json(cache.c_str(), &text), SINTER_OK);
  const std::string listed = text;
  sinter_free(text);
  EXPECT_NE(listed.find("\"model\": \"model.onnx\""), std::string::npos) << listed;
  EXPECT_NE(listed.find("--noTF32"), std::string::npos) << listed;
  uint64_t files = 7, bytes = 0;
  ASSERT_EQ(sinter_cache_prune(cache.c_str(), UINT64_MAX, INT64_MAX, &files, &bytes), SINTER_OK);
  EXPECT_EQ(files, 0u);
  ASSERT_EQ(sinter_cache_prune(cache.c_str(), 0, INT64_MAX, &files, &bytes), SINTER_OK);
  EXPECT_EQ(files, 2u);
  EXPECT_GT(bytes, 1000u);
  EXPECT_EQ(engines(), 0u);
  EXPECT_EQ(sinter_cache_prune(cache.c_str(), 0, -1, nullptr, nullptr), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_cache_list_json(folder.path("nowhere").c_str(), &text), SINTER_OK);
  sinter_free(text);
}

TEST_F(EngineCacheTest, FunctionsHaveNoKey) {
  options.int8 = 1;
  options.calibrate_with([](std::vector<sinter_tensor>&) { return false; });
  try {
    load_or_build(model, options);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("calib_data"), std::string::npos) << error.what();
  }
}

TEST_F(EngineCacheTest, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream(folder.path("file")) << "no folder";
  const std::string inside = folder.path("file/inside");
  options.cache_dir = inside.c_str();
  EXPECT_THROW(load_or_build(model, options), Error);
}

// Processes that ask at once: one builds, all get an engine. Each is a program of its own, since a fork of a process with threads may not run kernels.
TEST_F(EngineCacheTest, OfTwentyProcessesOneBuilds) {
  constexpr int kProcesses = 20;
  std::string program(4096, 0);
  program.resize(static_cast<size_t>(::readlink("/proc/self/exe", program.data(), program.size())));
  std::vector<pid_t> children;
  const std::string log = folder.path("log");
  ::setenv("SINTER_CACHE_CHILD", (model + "\n" + cache + "\n" + log).c_str(), 1);
  ::unsetenv("GTEST_TOTAL_SHARDS");
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      if (!std::freopen("/dev/null", "w", stdout)) ::_exit(126);  // counts of tests are read from this program's own output
      ::execl(program.c_str(), program.c_str(), "--gtest_filter=EngineCacheChild.Loads", "--gtest_brief=1", static_cast<char*>(nullptr));
      ::_exit(127);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  ::unsetenv("SINTER_CACHE_CHILD");
  std::ifstream in(log);
  const std::string built{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(built, "built\n");
  EXPECT_EQ(engines(), 1u);
}

TEST(EngineCacheChild, Loads) {
  const char* given = std::getenv("SINTER_CACHE_CHILD");
  if (!given) GTEST_SKIP() << "for EngineCacheTest.OfTwentyProcessesOneBuilds";
  const std::string text = given;
  const size_t first = text.find('\n'), second = text.find('\n', first + 1);
  const std::string model = text.substr(0, first), cache = text.substr(first + 1, second - first - 1), log = text.substr(second + 1);
  BuildOptions options;
  options.cache_dir = cache.c_str();
  options.threads = 1;
  int calls = 0;
  options.progress = [](void* user, const char*, int64_t, int64_t) { return ++*static_cast<int*>(user), 0; };
  options.progress_user = &calls;
  Engine engine = load_or_build(model, options);
  if (calls > 0) std::ofstream(log, std::ios::app) << "built\n";
  EXPECT_EQ(engine.input_count(), 1u);
}

}  // namespace
}  // namespace sinter
