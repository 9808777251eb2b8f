// RegionExecutor: runs one region for one context: finds or makes the shape plan, sets pointers, runs the steps in order. Bodies of
// control flow are child executors, made once.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/threads.h"
#include "runtime/arena.h"
#include "runtime/device_run.h"
#include "runtime/shape_plan.h"
#include "runtime/step_faults.h"
#include "runtime/watch.h"

namespace sinter::runtime {

// Called after every step with each value it made, as a row-major tensor (or container). For debugging: it costs a copy.
using LayerObserver = std::function<void(const plan::Region& region, const plan::PlanValue& value, const Value& content)>;

// What all executors of a context share.
struct ExecutorShared {
  const plan::Plan* plan = nullptr;
  const std::vector<RegionProgram>* programs = nullptr;
  const std::vector<Tensor>* blobs = nullptr;
  ThreadTeam* team = nullptr;
  size_t max_shapes = 8;  // cached per region
  bool profile = false;
  LayerObserver observer;
  Device* device = nullptr;  // of a plan for one
  const std::vector<const void*>* device_blobs = nullptr;
  bool graphs = true;        // capture runs that are all on the device
  std::shared_ptr<SharedArena> arena;  // of the device; null: an arena of the executor's own
  std::shared_ptr<StepWatcher> watcher;  // may be null
  const std::atomic<bool>* cancelled = nullptr;  // true: runs end before their next step; may be null
};

struct StepTime {
  int64_t runs = 0;
  double total_us = 0;
  std::vector<float> samples_us;  // the first kMostSamples

  static constexpr size_t kMostSamples = 1024;
  void add(double us) {
    total_us += us;
    if (samples_us.size() < kMostSamples) samples_us.push_back(static_cast<float>(us));
  }
};

// Memory for an output of these dims, asked for in every run as soon as they are known; null: refused.
using OutputAllocator = std::function<void*(const Dims& dims, int64_t bytes)>;

// Where an output goes: memory of the caller, or nowhere (data null): memory of the executor, on the device when on_device.
struct OutputTarget {
  void* data = nullptr;
  int64_t bytes = 0;
  bool on_device = false;  // an address of the plan's device
  const OutputAllocator* allocator = nullptr;  // says data and bytes in every run
};

// How a run is done on a device; the default is for host memory and to wait.
struct RunOptions {
  std::span<const uint8_t> device_inputs;  // one an input: its tensor's address is the device's; {}: none
  DeviceStream stream = nullptr;           // null: the executor's own
  bool wait = true;                        // false: all inputs and outputs must be on the device
};

class RegionExecutor {
 public:
  RegionExecutor(const ExecutorShared& shared, int32_t region, RegionExecutor* parent);
  ~RegionExecutor();
  RegionExecutor(const RegionExecutor&) = delete;
  RegionExecutor& operator=(const RegionExecutor&) = delete;

  // Makes the plan for these shapes current. Dims of inputs without fixed-size elements are ignored.
  Status prepare(std::span<const Dims> inputs);
  // Touches the memory that plans so far need, so that no run has to be the first to.
  void touch_memory() { arena_.touch(); }
  // Current after prepare or run.
  const ShapePlan* shape_plan() const { return current_; }
  // Dims of an output, nullopt when they depend on data.
  std::optional<Dims> output_dims(size_t index) const;

  // Runs. `targets`: one an output, or {}. `results` gets one value an output: a view of the target, or of memory of the executor
  // that the next run overwrites, or (fresh) memory of its own.
  // On a device a result in device memory is a view of that memory.
  // Those in the executor's device memory can be kept beyond the next run: share_output.
  Status run(std::span<const Value> inputs, std::span<const OutputTarget> targets, bool fresh, std::vector<Value>& results,
             const RunOptions& options = {});
  // The memory of an output that stayed on the device in memory of the executor; null: it did not.
  std::shared_ptr<const DeviceBuffer> share_output(size_t index) const;
  // Of a plan for a device; to be called once, before all else.
  Status open_device();

  const RegionProgram& program() const { return program_; }
  const std::vector<StepTime>& times() const { return times_; }
  void reset_times();
  const std::vector<std::unique_ptr<RegionExecutor>>& children() const { return children_; }
  int64_t arena_bytes() const;  // children and the device's arena included
  int64_t device_bytes() const;  // children included

 private:
  friend class HostStep;
  friend class StepView;
  // A value that is not fixed: on the heap.
  struct State {
    Value value;  // containers, strings, row-major tensors
    Dims dims;
    std::shared_ptr<const void> owner;
    uint8_t* data = nullptr;
  };

  Status find_shape_plan(std::span<const Value> inputs, std::span<const Dims> dims);
  void make_key(std::span<const Value> inputs, std::span<const Dims> dims);
  const Bindings& bindings() const { return current_->all_fast ? current_->bindings : bindings_; }
  Status check_inputs(std::span<const Value> inputs) const;
  Status run_prepared(std::span<const Value> inputs, std::span<const OutputTarget> targets, bool fresh, std::vector<Value>& results,
                      const RunOptions& options);
  Status set_inputs(std::span<const Value> inputs, const RunOptions& options);
  Result<const void*> place_input(size_t index, const Tensor& tensor, bool on_device);
  Status set_outputs(std::span<const OutputTarget> targets, bool fresh);
  // Memory of the caller's allocator, if there is one, for an output whose dims are known.
  Status ask_allocator(size_t index, const Dims& dims, int64_t bytes, OutputTarget& target) const;
  Status check_asynchronous(std::span<const OutputTarget> targets, const RunOptions& options) const;
  Status reserve_memory(const ShapePlan& plan);
  std::string largest_need(const ShapePlan& plan) const;
  Status run_steps();
  bool is_cancelled() const { return shared_.cancelled && shared_.cancelled->load(std::memory_order_relaxed); }
  // A failure seen only when the device was waited for: says which steps it can be of.
  Status narrow(Status failure) const;
  Status run_watched(size_t number);
  Status run_transfer(const plan::Step& step, const StepState& state);
  Status queue_ahead();
  Status add_device_times();
  bool is_device_value(int32_t value) const { return program_.region->values[value].place == plan::Place::kDevice; }
  const std::string& output_name(size_t index) const { return program_.region->values[program_.region->outputs[index]].name; }
  Status run_step(size_t number);
  Status run_fast(const StepProgram& step, StepState& state);
  Status run_dynamic_kernel(const StepProgram& step, StepState& state);
  Status run_host(size_t number);
  Status finish_outputs(std::span<const OutputTarget> targets, bool fresh, std::vector<Value>& results);
  Status copy_output(size_t index, const OutputTarget& wanted, bool fresh, Value& result);
  // Device outputs: starts their copies to the host, then waits.
  Status fetch_output(size_t index, const OutputTarget& target, int64_t bytes);
  Status fetch_outputs(std::span<const OutputTarget> targets, bool wait);
  Status observe(const plan::Step& step);

  // Resolves a dynamic alias from its root.
  Status resolve(int32_t value);
  Dims dims_of(int32_t value) const;
  uint8_t* data_of(int32_t value) const;
  Value value_of(int32_t value) const;  // a view where the value is fixed
  Status store(int32_t value, Value content);
  RegionExecutor* child(size_t step, std::string_view attribute) const;

  const ExecutorShared& shared_;
  const RegionProgram& program_;
  RegionExecutor* parent_;
  std::vector<std::unique_ptr<RegionExecutor>> children_;
  std::vector<std::vector<std::pair<std::string, RegionExecutor*>>> children_of_step_;

  std::vector<std::unique_ptr<ShapePlan>> plans_;  // most recently used first
  ShapePlan* current_ = nullptr;
  Dims key_;
  Arena arena_;
  StepFaults faults_;  // after device_ in destruction: its kernels may still write there
  std::unique_ptr<DeviceRun> device_;
  bool stepwise_ = false;                 // this run waits after every step, so that a fault has a name
  bool host_waits_ = false;               // a copy to the host is under way
  bool empty_timed_ = false;              // the events after the steps' hold what a pair of events takes
  std::vector<const uint8_t*> fetched_;   // by output, of this run: pinned memory, or device memory that stays there
  std::vector<uintptr_t> bases_;
  std::vector<State> states_;
  Bindings bindings_;
  std::vector<OutputTarget> asked_;      // targets of this run, allocators asked
  std::vector<Tensor> owned_outputs_;    // buffers of outputs without a target
  std::vector<Tensor> input_copies_;     // of inputs that are not aligned
  Tensor workspace_;                     // of dynamic kernel steps
  std::vector<StepTime> times_;
  std::vector<std::vector<int32_t>> made_;  // with a watcher: see StepView::made
};

// Makes views of foreign memory (tensors without owner) independent of it.
Value own(Value value);

}  // namespace sinter::runtime
