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

class ThreadPool final : public ThreadTeam {
 public:
  explicit ThreadPool(int size) : size_(size) {
    for (int i = 1; i < size; ++i) workers_.emplace_back([this, i] { work(i); });
  }

  ~ThreadPool() override {
    stop_.store(true);
    publish();
    for (std::thread& worker : workers_) worker.join();
  }

  int size() const override { return size_; }

 protected:
  void run_erased(int parts, void (*fn)(void*, int), void* arg) override {
    fn_ = fn;
    arg_ = arg;
    parts_ = parts;
    pending_.store(size_ - 1, std::memory_order_relaxed);
    publish();
    run_parts(0);
    for (int spin = 0; pending_.load(std::memory_order_acquire) != 0; ++spin) {
      if (spin < kSpins) pause();
      else std::this_thread::yield();
    }
  }

 private:
  void run_parts(int member) {
    for (int part = member; part < parts_; part += size_) fn_(arg_, part);
  }

  void publish() {
    ticket_.fetch_add(1);
    if (sleepers_.load() != 0) {
      std::lock_guard lock(mutex_);
      wake_.notify_all();
    }
  }

  void work(int member) {
    for (uint64_t seen = 0;;) {
      for (int spin = 0; ticket_.load(std::memory_order_acquire) == seen && spin < kSpins; ++spin) pause();
      if (ticket_.load() == seen) {
        std::unique_lock lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, [&] { return ticket_.load() != seen; });
        sleepers_.fetch_sub(1);
      }
      if (stop_.load()) return;
      ++seen;
      run_parts(member);
      pending_.fetch_sub(1, std::memory_order_release);
    }
  }

  const int size_;
  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<uint64_t> ticket_{0};
  std::atomic<int> pending_{0}, sleepers_{0};
  std::atomic<bool> stop_{false};
  void (*fn_)(void*, int) = nullptr;
  void* arg_ = nullptr;
  int parts_ = 0;
};

}  // namespace

ThreadTeam& inline_team() {
  static InlineTeam team;
  return team;
}

std::unique_ptr<ThreadTeam> make_thread_pool(int size) { return std::make_unique<ThreadPool>(size); }

}  // namespace sinter
