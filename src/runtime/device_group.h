// DeviceGroup: one model served by several GPUs: an engine on each, a few contexts of each engine, and batches handed
// out.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/context.h"
#include "runtime/split.h"

namespace sinter::runtime {

struct GroupOptions {
  int contexts = 2;   // of each engine: the copies of one part overlap the computing of another
  int threads = 0;    // of a context's steps on the processor; 0: usable cores
  bool split = true;  // batches are divided where the engine's batch is dynamic; false: they stay whole
};

// A batch that was submitted.
class Batch {
 public:
  Batch(std::vector<Value> inputs, size_t devices) : inputs_(std::move(inputs)), work_(devices) {}
  // Blocks until it is over: the outputs in the engine's order, their rows in that of the inputs. The first failure of
  // a part is the batch's.
  Result<std::vector<Value>> wait();

 private:
  friend class DeviceGroup;
  struct Work {
    int64_t rows = 0;
    double seconds = 0;
  };
  // Puts a part's outputs where they belong among the batch's. rows 0: they are the batch's.
  Status take(int64_t begin, int64_t rows, std::vector<Value> outputs, const Engine& engine);
  // True: that was the last part.
  bool finish_part(Status status);

  std::mutex mutex_;
  std::condition_variable over_;
  const std::vector<Value> inputs_;
  std::vector<Value> outputs_;
  Result<std::vector<Value>> result_ = Status();
  int64_t rows_ = 0;  // 0: not divided
  size_t parts_left_ = 0;
  bool done_ = false;
  std::atomic<bool> failed_{false};
  // Of the group, under its lock: what each device did, and whether that says how fast it is.
  std::vector<Work> work_;
  bool steady_ = true;
};

// Thread-safe. A batch whose leading dim is dynamic is divided by the devices' speeds, which are measured when the
// group is made and kept up from batch to batch; any other is handed to the device that is free next. A device that a
// fault destroys is left out from then on, and what it had of work goes to the others: a part that two devices are lost
// with is an error.
class DeviceGroup {
 public:
  // Engines of one model, on a device each.
  static Result<std::unique_ptr<DeviceGroup>> make(std::vector<std::shared_ptr<const Engine>> engines,
                                                   const GroupOptions& options = {});
  ~DeviceGroup();  // waits for what was submitted
  DeviceGroup(const DeviceGroup&) = delete;
  DeviceGroup& operator=(const DeviceGroup&) = delete;

  // The inputs in the engine's order; memory that is not their own must stay until the batch is over.
  std::shared_ptr<Batch> submit(std::vector<Value> inputs);
  const Engine& engine() const { return *members_[0]->engine; }
  size_t lanes() const;  // contexts in all: so many parts run at once
  // Why batches are not divided; "": they are.
  const std::string& whole_because() const { return whole_because_; }
  // {"devices": [{"device", "name", "share", "rows", "parts", "busy_s", "lost"}], "splits", "whole_because",
  // "contexts", "retried"}.
  std::string json() const;

 private:
  struct Part {
    std::shared_ptr<Batch> batch;
    int64_t begin = 0, rows = 0;  // rows 0: the whole batch
    int lost_devices = 0;         // with which it was under way
  };
  struct Lane {
    std::unique_ptr<ExecutionContext> context;
    std::map<int64_t, int> runs;  // by rows: the first two of a size make ready for it
    std::thread thread;
  };
  struct Member {
    size_t index = 0;
    std::shared_ptr<const Engine> engine;
    std::string name;  // "cuda:1"
    std::vector<std::unique_ptr<Lane>> lanes;
    std::deque<Part> queue;
    Status lost;
    int64_t rows = 0, parts = 0;
    double busy_s = 0;
  };

  explicit DeviceGroup(const GroupOptions& options, size_t devices) : options_(options), balance_(devices) {}
  void decide_split();
  void measure();
  int64_t rows_to_split(const std::vector<Value>& inputs) const;
  void work(Member& member, Lane& lane);
  static Status run(const Part& part, const std::shared_ptr<const Engine>& engine, Lane& lane);
  // Under the lock. What is to be logged.
  std::string finish(Member& member, Lane& lane, Part part, Status status, double seconds);
  std::string retire(Member& member, Status lost);
  void end_part(Part& part, Status status);
  void note_speed(Batch& batch);
  bool any_left() const;
  Status all_lost() const;

  const GroupOptions options_;
  std::vector<std::unique_ptr<Member>> members_;
  std::string whole_because_;
  int64_t least_rows_ = 1, most_rows_ = INT64_MAX;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Balance balance_;
  std::deque<Part> whole_;  // for whoever is free next
  size_t outstanding_ = 0;  // parts that are not over
  int64_t retried_ = 0;
  bool stop_ = false;
};

}  // namespace sinter::runtime
