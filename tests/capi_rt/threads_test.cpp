// Runs of many threads and of streams that call back, cancellation, and engines that give their memory back.
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <future>
#include <sinter/sinter.hpp>
#include <thread>

#include "base/process_memory.h"
#include "capi_rt/sample_engine.h"

namespace sinter {
namespace {

// y = max(x, 0), x f32[batch,4] with batch up to 16.
Engine load() { return Engine::from_memory(sample_engine_bytes().data(), sample_engine_bytes().size()); }

TEST(Streams, TellWhenARunIsOver) {
  ExecutionContext context(load(), 1);
  Stream stream;
  std::vector<float> x{-1, 2, -3, 4};
  context.set_input("x", x.data(), {1, 4});
  std::vector<float> sums;
  std::promise<void> all;
  // Each run is queued by the end of the one before, with what that one gave.
  std::function<void(sinter_status, const std::string&)> next = [&](sinter_status status, const std::string& message) {
    EXPECT_EQ(status, SINTER_OK) << message;
    const std::vector<float> y = context.output("y").to_vector<float>();
    sums.push_back(y[1] + y[3]);
    if (sums.size() == 50) return all.set_value();
    x[1] += 1;
    context.enqueue(stream, next);
  };
  context.enqueue(stream, next);
  all.get_future().wait();
  stream.wait();
  ASSERT_EQ(sums.size(), 50u);
  for (size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i], 6.0f + static_cast<float>(i));
}

TEST(Streams, TellOfFailuresAndOfWhatWasLeftOut) {
  ExecutionContext context(load(), 1);
  const std::vector<float> many(80);
  context.set_input("x", many.data(), {20, 4});
  std::vector<std::pair<sinter_status, std::string>> told;
  const auto tell = [&](sinter_status status, const std::string& message) { told.emplace_back(status, message); };
  Stream stream;
  context.enqueue(stream, tell);
  context.enqueue(stream, tell);
  EXPECT_THROW(stream.wait(), Error);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[0].first, SINTER_INVALID_ARGUMENT);
  EXPECT_NE(told[0].second.find("('batch') is 20"), std::string::npos) << told[0].second;
  EXPECT_EQ(told[1].first, SINTER_CANCELLED);
  EXPECT_EQ(sinter_context_enqueue_notify(context.handle(), stream.handle(), nullptr, nullptr), SINTER_INVALID_ARGUMENT);
  EXPECT_EQ(sinter_context_enqueue_notify(nullptr, stream.handle(), nullptr, nullptr), SINTER_INVALID_ARGUMENT);
}

TEST(Cancel, EndsRunsUntilItIsTakenBack) {
  ExecutionContext context(load(), 1);
  const std::vector<float> x{-1, 2, -3, 4};
  context.set_input("x", x.data(), {1, 4});
  std::promise<sinter_status> ended;
  std::thread runner([&] {
    sinter_status status = SINTER_OK;
    while (status == SINTER_OK) status = sinter_context_execute(context.handle());
    ended.set_value(status);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  context.set_cancelled(true);
  EXPECT_EQ(ended.get_future().get(), SINTER_CANCELLED);
  runner.join();
  EXPECT_EQ(sinter_context_execute(context.handle()), SINTER_CANCELLED);
  EXPECT_NE(std::string(sinter_last_error()).find("cancelled"), std::string::npos);
  context.set_cancelled(false);
  context.execute();
  EXPECT_EQ(context.output("y").to_vector<float>(), (std::vector<float>{0, 2, 0, 4}));
  EXPECT_EQ(sinter_context_set_cancelled(nullptr, 1), SINTER_INVALID_ARGUMENT);
}

// SINTER_HAMMER_SECONDS in the environment makes it as long as one likes.
TEST(Threads, HammerOneEngine) {
  constexpr int kThreads = 24;
  const char* given = std::getenv("SINTER_HAMMER_SECONDS");
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(given ? std::atoi(given) * 1000 : 500);
  const Engine engine = load();
  std::atomic<int64_t> runs{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      ExecutionContext context(engine, 1);
      for (int64_t i = 0; std::chrono::steady_clock::now() < end; ++i) {
        const int64_t batch = (i * 7 + t) % 16 + 1;
        std::vector<float> x(static_cast<size_t>(batch) * 4);
        for (size_t k = 0; k < x.size(); ++k) x[k] = static_cast<float>((static_cast<int64_t>(k) + i * t) % 9) - 4.0f;
        context.set_input("x", x.data(), {batch, 4});
        context.execute();
        const TensorView y = context.output("y");
        for (size_t k = 0; k < x.size(); ++k) wrong += y.data<float>()[k] != std::max(x[k], 0.0f);
        ++runs;
      }
    });
  }
  // Memory a quarter of the time in, when all threads have run all shapes, and near the end.
  const auto length = end - std::chrono::steady_clock::now();
  std::this_thread::sleep_for(length / 4);
  const int64_t early = anonymous_memory_bytes();
  std::this_thread::sleep_for(length * 6 / 10);
  const int64_t grown = anonymous_memory_bytes() - early;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(runs, kThreads);
  RecordProperty("runs", std::to_string(runs));
  RecordProperty("grown_bytes", std::to_string(grown));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // In a short run threads are still starting.
  if (given && std::atoi(given) >= 10) {
    EXPECT_LT(grown, 1 << 20) << "bytes more while " << runs << " runs were made";
  }
#endif
}

TEST(Memory, ComesBackWhenEnginesGo) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers keep memory that was given back";
#endif
  const auto round = [] {
    const Engine engine = load();
    ExecutionContext a(engine, 1), b(engine, 2);
    const std::vector<float> x(64, 1.0f);
    a.set_input("x", x.data(), {16, 4});
    a.execute();
    Stream stream;
    b.set_input("x", x.data(), {16, 4});
    b.enqueue(stream);
    stream.wait();
  };
  for (int i = 0; i < 20; ++i) round();
  malloc_trim(0);
  const int64_t before = anonymous_memory_bytes();
  for (int i = 0; i < 200; ++i) round();
  malloc_trim(0);
  const int64_t grown = anonymous_memory_bytes() - before;
  EXPECT_LT(grown, 200 * 4096) << "bytes more after 200 times";
}

}  // namespace
}  // namespace sinter
