// DeviceRun: what an executor of a plan for a device owns there: stream, arena, buffers of inputs and outputs that the caller has on the host
// and the pinned memory they pass through, graphs.
#pragma once

#include <memory>
#include <vector>

#include "runtime/shape_plan.h"
#include "runtime/shared_arena.h"

namespace sinter::runtime {

// Pinned host memory with an owner.
class PinnedBuffer {
 public:
  PinnedBuffer() = default;
  PinnedBuffer(const PinnedBuffer&) = delete;
  PinnedBuffer& operator=(const PinnedBuffer&) = delete;
  ~PinnedBuffer();
  Status reserve(Device* device, int64_t bytes);
  uint8_t* data() const { return static_cast<uint8_t*>(memory_); }
  bool holds(const void* address) const { return memory_ && address >= data() && address < data() + bytes_; }

 private:
  Device* device_ = nullptr;
  void* memory_ = nullptr;
  int64_t bytes_ = 0;
};

class DeviceRun {
 public:
  // Null `shared`: an arena of its own.
  static Result<std::unique_ptr<DeviceRun>> make(Device* device, size_t inputs, size_t outputs, std::shared_ptr<SharedArena> shared);
  ~DeviceRun();  // waits for the device
  DeviceRun(const DeviceRun&) = delete;
  DeviceRun& operator=(const DeviceRun&) = delete;

  Device& device() { return *device_; }
  DeviceStream own_stream() const { return own_stream_; }
  // The stream of the run in progress: the own one, or the caller's.
  DeviceStream stream() const { return stream_; }
  // Later work goes to `stream` (null: the own one), after all that came before.
  Status use_stream(DeviceStream stream);

  // With a shared arena: within a turn of it.
  Status reserve_arena(int64_t bytes);
  SharedArena* shared_arena() const { return shared_.get(); }
  uintptr_t arena_address() const { return reinterpret_cast<uintptr_t>(shared_ ? shared_->data() : arena_.data()); }
  int64_t arena_bytes() const { return shared_ ? shared_->bytes() : arena_.bytes(); }
  int64_t staging_bytes() const;

  // Puts the copy of an input into a buffer of this object on the stream; its address.
  Result<const void*> stage_input(size_t index, const void* data, int64_t bytes, bool on_device);
  // Where processor and device share memory: the device's address of host memory that the output's values go to, the
  // caller's (`data`, null: none, or it is of another kind) or memory of this object. mapped_output() is then the
  // host's.
  Result<void*> map_output(size_t index, void* data, int64_t bytes);
  const uint8_t* mapped_output(size_t index) const { return mapped_outputs_[index].host; }
  // Whether `made` is the address that map_output gave last.
  bool is_mapped_output(size_t index, const void* made) const { return made && made == mapped_outputs_[index].device; }
  // Memory on the device for an output: the same as in the run before, unless somebody holds that (share_output).
  Result<void*> output_buffer(size_t index, int64_t bytes);
  // What output_buffer gave last, with a share in it: no later run writes it as long as that lives. Null: nothing.
  std::shared_ptr<const DeviceBuffer> share_output(size_t index) const { return outputs_[index].empty() ? nullptr : outputs_[index].back(); }
  // Puts the copy of an output to pinned memory on the stream; there when wait() has returned.
  Result<const uint8_t*> fetch_output(size_t index, const void* from, int64_t bytes);
  // For all work so far.
  Status wait();

  // Runs what `steps` puts on the stream: as it is, until a graph of it is there. For pointers that come again it is captured; the graph is made
  // by a thread of its own, for later runs.
  template <typename Steps>
  Status run_graph(ShapePlan& plan, const std::vector<uintptr_t>& bases, Steps&& steps) {
    SINTER_ASSIGN(const Found found, find_graph(plan, bases));
    if (found.graph) return device_->launch_graph(found.graph, stream_);
    if (!found.capture) return steps();
    const DeviceStream target = stream_;
    stream_ = own_stream_;  // the caller's may not be capturable
    Status status = device_->begin_capture(own_stream_);
    if (status.ok()) {
      status = steps();
      auto capture = device_->end_capture(own_stream_);
      if (status.ok() && !capture.ok()) status = std::move(capture).status();
      else if (capture.ok()) start_graph(plan, bases, *capture);
    }
    stream_ = target;
    SINTER_TRY(std::move(status).with("while capturing the run into a graph"));
    return steps();
  }
  void release_graphs(ShapePlan& plan);

  // Puts work on the stream that takes the device longer than the host needs to queue that many steps, twice.
  Status hold_back(size_t steps);
  // Events for times of steps: begin and end of each.
  Result<DeviceEvent> step_event(size_t number);

 private:
  struct Found {
    DeviceGraph graph = nullptr;
    bool capture = false;
  };
  Result<Found> find_graph(ShapePlan& plan, const std::vector<uintptr_t>& bases);
  // Uses the capture up; the graph is in plan.pending.
  void start_graph(ShapePlan& plan, const std::vector<uintptr_t>& bases, DeviceCapture capture);
  void take_pending(ShapePlan& plan, bool wait);
  Result<const void*> map_input(size_t index, const void* data, int64_t bytes);
  DeviceRun() = default;

  Device* device_ = nullptr;
  DeviceStream own_stream_ = nullptr, stream_ = nullptr;
  DeviceEvent order_ = nullptr;  // between streams
  DeviceBuffer arena_;
  std::shared_ptr<SharedArena> shared_;
  std::vector<DeviceBuffer> inputs_;
  std::vector<std::vector<std::shared_ptr<DeviceBuffer>>> outputs_;  // by output: the one in use last
  std::vector<std::unique_ptr<PinnedBuffer>> pinned_inputs_, pinned_outputs_;
  struct Mapped {
    uint8_t* host = nullptr;
    void* device = nullptr;
  };
  std::vector<Mapped> mapped_outputs_;  // of this run
  std::vector<DeviceEvent> events_;
  DeviceBuffer filler_;
};

}  // namespace sinter::runtime
