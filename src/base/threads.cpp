#include "base/threads.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace sinter {
namespace {

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

class InlineTeam final : public ThreadTeam {
 public:
  int size() const override { return 1; }

 protected:
  void run_erased(int parts, void (*fn)(void*, int), void* arg) override {
    for (int part = 0; part < parts; ++part) fn(arg, part);
  }
};

// Spins before sleeping: a barrier between two layers takes about a microsecond, a wake-up from sleep some fifty.
constexpr int kSpins = 20000;

// Parts are claimed one by one, so that a worker that sleeps, or has lost its core to another process, delays nothing: the caller does what
// nobody else has begun.
class ThreadPool final : public ThreadTeam {
 public:
  explicit ThreadPool(int size) : size_(size) {
    for (int i = 1; i < size; ++i) workers_.emplace_back([this] { work(); });
  }

  ~ThreadPool() override {
    stop_.store(true);
    publish(0);
    for (std::thread& worker : workers_) worker.join();
  }

  int size() const override { return size_; }

 protected:
  void run_erased(int parts, void (*fn)(void*, int), void* arg) override {
    fn_.store(fn, std::memory_order_relaxed);
    arg_.store(arg, std::memory_order_relaxed);
    left_.store(parts, std::memory_order_relaxed);
    publish(static_cast<uint32_t>(parts));
    run_parts(ticket_of(state_.load(std::memory_order_relaxed)));
    for (int spin = 0; left_.load(std::memory_order_acquire) != 0; ++spin) {
      if (spin < kSpins) pause();
      else std::this_thread::yield();
    }
  }

 private:
  // The state is one word, the job's ticket above and the number of its unclaimed parts below: a part is claimed only of the job that
  // the thread has seen, and while one of its parts is unclaimed a job can't be over, so what was read of it holds.
  static uint32_t ticket_of(uint64_t state) { return static_cast<uint32_t>(state >> 32); }
  static uint32_t unclaimed_of(uint64_t state) { return static_cast<uint32_t>(state); }

  // The first parts go first; the caller begins with part 0.
  void run_parts(uint32_t ticket) {
    uint64_t state = state_.load(std::memory_order_acquire);
    while (ticket_of(state) == ticket && unclaimed_of(state) != 0) {
      const auto fn = fn_.load(std::memory_order_relaxed);
      void* const arg = arg_.load(std::memory_order_relaxed);
      const int parts = parts_.load(std::memory_order_relaxed);
      if (!state_.compare_exchange_weak(state, state - 1, std::memory_order_acq_rel, std::memory_order_acquire)) continue;
      fn(arg, parts - static_cast<int>(unclaimed_of(state)));
      left_.fetch_sub(1, std::memory_order_release);
      state = state_.load(std::memory_order_acquire);
    }
  }

  void publish(uint32_t parts) {
    parts_.store(static_cast<int>(parts), std::memory_order_relaxed);
    const uint64_t next = (static_cast<uint64_t>(ticket_of(state_.load(std::memory_order_relaxed)) + 1) << 32) | parts;
    state_.store(next);
    if (sleepers_.load() != 0) {
      std::lock_guard lock(mutex_);
      wake_.notify_all();
    }
  }

  void work() {
    for (uint32_t seen = 0;;) {
      for (int spin = 0; ticket_of(state_.load(std::memory_order_acquire)) == seen && spin < kSpins; ++spin) pause();
      if (ticket_of(state_.load()) == seen) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return ticket_of(state_.load()) != seen; });
        sleepers_.fetch_sub(1);
      }
      // The ticket first: who has seen the last one must not miss why it was published.
      seen = ticket_of(state_.load(std::memory_order_acquire));
      if (stop_.load()) return;
      run_parts(seen);
    }
  }

  const int size_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> state_{0};
  std::atomic<int> left_{0}, sleepers_{0};  // parts not done; workers that sleep
  std::atomic<bool> stop_{false};
  std::atomic<void (*)(void*, int)> fn_{nullptr};
  std::atomic<void*> arg_{nullptr};
  std::atomic<int> parts_{0};
};

}  // namespace

ThreadTeam& inline_team() {
  static InlineTeam team;
  return team;
}

std::unique_ptr<ThreadTeam> make_thread_pool(int size) { return std::make_unique<ThreadPool>(size); }

}  // namespace sinter
