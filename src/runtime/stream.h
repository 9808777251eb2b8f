// Stream: an in-order queue of runs with one dispatcher thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/context.h"

namespace sinter::runtime {

class Stream {
 public:
  Stream();
  ~Stream();  // waits for what is queued
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // The context must be left alone until wait() has returned, or `done` was called: once, by the stream's thread, when the run is over, has failed, or was
  // left out. `done` may read outputs, set inputs and enqueue; it must not wait for the stream. Thread-safe.
  using Done = std::function<void(const Status&)>;
  void enqueue(ExecutionContext* context, Done done = nullptr);
  // Blocks until the queue is empty. The first failure since the last wait; later runs of its context were skipped.
  Status wait();

 private:
  void dispatch();
  std::mutex mutex_;
  std::condition_variable changed_;
  struct Item {
    ExecutionContext* context;
    Done done;
  };
  Status run(const Item& item, bool poisoned) const;
  std::deque<Item> queue_;
  bool busy_ = false, stop_ = false;
  Status failure_;
  std::set<const ExecutionContext*> poisoned_;
  std::thread dispatcher_;
};

}  // namespace sinter::runtime
