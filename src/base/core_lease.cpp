#include "base/core_lease.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "base/cpu_info.h"

namespace sinter {
namespace {

struct Budget {
  const int total = std::max(1, cpu_info().usable_cores);
  std::mutex mutex;
  std::condition_variable changed;
  int free = total;
  uint64_t next_ticket = 0, serving = 0;  // the queue: who came first is served first, so that wide teams don't starve
};

Budget& budget() {
  static Budget instance;
  return instance;
}

thread_local int depth = 0;

}  // namespace

CoreLease::CoreLease(int threads) : cores_(0) {
  if (depth++ > 0 || threads < 1) return;
  Budget& all = budget();
  cores_ = std::clamp(threads, 1, all.total);
  std::unique_lock lock(all.mutex);
  const uint64_t ticket = all.next_ticket++;
  all.changed.wait(lock, [&] { return all.serving == ticket && all.free >= cores_; });
  all.free -= cores_;
  ++all.serving;
  // The next in the queue may fit beside this one.
  if (all.serving != all.next_ticket) all.changed.notify_all();
}

CoreLease::~CoreLease() {
  --depth;
  if (cores_ == 0) return;
  Budget& all = budget();
  std::lock_guard lock(all.mutex);
  all.free += cores_;
  if (all.serving != all.next_ticket) all.changed.notify_all();
}

}  // namespace sinter
