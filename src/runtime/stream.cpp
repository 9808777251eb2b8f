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

void Stream::enqueue(ExecutionContext* context, Done done) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back({context, std::move(done)});
  }
  changed_.notify_all();
}

Status Stream::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return queue_.empty() && !busy_; });
  poisoned_.clear();
  return std::exchange(failure_, Status());
}

Status Stream::run(const Item& item, bool poisoned) const {
  Status status = poisoned ? make_error(Code::kCancelled, "the run was left out: an earlier one of its context failed; wait for the stream, which gives that failure")
                           : item.context->execute();
  if (item.done) item.done(status);
  return status;
}

void Stream::dispatch() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const Item item = std::move(queue_.front());
    queue_.pop_front();
    const bool poisoned = poisoned_.contains(item.context);
    busy_ = true;
    lock.unlock();
    Status status = run(item, poisoned);
    lock.lock();
    busy_ = false;
    if (!status.ok() && !poisoned) {
      poisoned_.insert(item.context);
      if (failure_.ok()) failure_ = std::move(status).with("while running a queued execution");
    }
    if (queue_.empty()) changed_.notify_all();
  }
}

}  // namespace sinter::runtime
