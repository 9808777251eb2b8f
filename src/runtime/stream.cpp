#include "runtime/stream.h"

namespace sinter::runtime {

Stream::Stream() : dispatcher_([this] { dispatch(); }) {}

Stream::~Stream() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  dispatcher_.join();
}

void Stream::enqueue(ExecutionContext* context) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(context);
  }
  changed_.notify_all();
}

Status Stream::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_; });
  poisoned_.clear();
  return std::exchange(failure_, Status());
}

void Stream::dispatch() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return;
    ExecutionContext* context = queue_.front();
    queue_.pop_front();
    if (!poisoned_.contains(context)) {
      busy_ = true;
      lock.unlock();
      Status status = context->execute();
      lock.lock();
      busy_ = false;
      if (!status.ok()) {
        poisoned_.insert(context);
        if (failure_.ok()) failure_ = std::move(status).with("while running a queued execution");
      }
    }
    if (queue_.empty()) changed_.notify_all();
  }
}

}  // namespace sinter::runtime
