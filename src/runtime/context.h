// ExecutionContext: runs an engine for one caller at a time: its arena, threads, bound kernels, shape plans.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/work.h"
#include "runtime/engine.h"
#include "runtime/region_executor.h"

namespace sinter::runtime {

struct ContextOptions {
  int threads = 0;        // 0: cpu_info().usable_cores
  size_t max_shapes = 8;  // shape plans kept, per region
  bool profile = false;
  LayerObserver observer;
  std::shared_ptr<StepWatcher> watcher;
  bool graphs = true;     // engines for CUDA: capture runs that are all on the device into CUDA graphs
  size_t optimization_profile = 0;
  std::shared_ptr<SharedArena> arena;  // engines for CUDA: memory for activations and scratch that contexts share; null: an arena of its own
};

// Bytes of the arena on the device that a context of the engine takes for inputs of these shapes ({}: those of the model, dims with a range at its
// upper end), before there is one. 0 for an engine for the CPU.
Result<int64_t> device_arena_bytes(const Engine& engine, std::span<const Dims> input_dims = {});

struct LayerTime {
  std::string region, step, tactic;  // tactic "cpu.conv@1", "reference", "control"
  std::string problem;               // one line for people
  std::string op, dense_type;        // see core/work.h
  int64_t runs = 0;
  double total_us = 0, tuned_us = 0;  // tuned_us: of one run, 0 when not timed
  double median_us = 0, min_us = 0;   // over at most StepTime::kMostSamples runs
  Work work;                          // of the current shapes
  int64_t live_bytes = 0;             // of the arena that hold values or scratch while it runs, for the current shapes
};

class ExecutionContext {
 public:
  static Result<std::unique_ptr<ExecutionContext>> create(std::shared_ptr<const Engine> engine, const ContextOptions& options = {});
  ~ExecutionContext();

  const Engine& engine() const { return *engine_; }  // as the current optimization profile runs it
  // Changes to another profile of the engine, when no run is under way. Inputs and places of outputs stay as they are set; what was prepared for shapes goes.
  Status set_optimization_profile(size_t profile);
  int threads() const { return team_->size(); }

  // A tensor or container that the next runs read. A tensor's memory is the caller's and must stay till the run is over; it
  // is used in place when it is aligned to 16 bytes.
  Status set_input(size_t index, Value value);
  Status set_input(std::string_view name, Value value);
  // The same without allocation when the shape stays what it was.
  Status set_input_data(size_t index, DType dtype, std::span<const int64_t> dims, const void* data);
  // The same with an address in the memory of the engine's device.
  Status set_input_device_data(size_t index, DType dtype, std::span<const int64_t> dims, const void* data);
  // Memory for an output of at most `bytes` bytes; null: the context's own. Kept for all runs.
  Status set_output_data(size_t index, void* data, int64_t bytes);
  // Memory that `allocator` gives in every run, when the output's dims are known; null: the context's own. `on_device`: it gives addresses of the engine's device.
  Status set_output_allocator(size_t index, OutputAllocator allocator, bool on_device = false);
  // The same with an address in the memory of the engine's device: output() is then a view of that memory.
  Status set_output_device_data(size_t index, void* data, int64_t bytes);

  // Fixes shapes ahead of a run, so that the first execute has nothing to prepare. Inputs need no data yet.
  Status prepare(std::span<const Dims> input_dims);
  Status prepare();  // the shapes of the inputs that are set
  // An output that has no memory of the caller stays on the device, in memory of the context: output() is then a view of device memory.
  Status keep_output_on_device(size_t index, bool keep);
  // The memory of such an output after a run: later runs leave it alone as long as it is held. Null: the output is elsewhere.
  std::shared_ptr<const DeviceBuffer> share_output(size_t index) const { return executor_->share_output(index); }
  // Whether output() is a view of device memory.
  bool output_is_on_device(size_t index) const { return targets_[index].on_device; }

  // After prepare or execute; nullopt: depends on data.
  std::optional<Dims> output_dims(size_t index) const;

  Status execute();
  // Puts the run on a CUDA stream of the caller (null: the context's own) and returns; all inputs and outputs must be in device memory, and
  // all steps on the device. Failures of the device show when the caller waits for the stream.
  Status enqueue(DeviceStream stream);
  // Of the last execute: a view of the caller's memory, or of the context's, which the next execute overwrites.
  const Value& output(size_t index) const { return results_[index]; }
  // While set, runs end before their next step with kCancelled, those under way too (a CUDA graph ends as a whole). From any thread, at any time.
  void set_cancelled(bool cancelled) { cancelled_.store(cancelled, std::memory_order_relaxed); }
  // All in one: inputs in order; the outputs have memory of their own.
  Result<std::vector<Value>> run(std::span<const Value> inputs);

  void set_profile(bool enabled);
  std::vector<LayerTime> profile() const;
  std::string profile_json() const;
  int64_t arena_bytes() const { return executor_->arena_bytes(); }
  // On the device: its arena, and buffers for inputs and outputs that the caller has on the host. Weights are the engine's.
  int64_t device_bytes() const { return executor_->device_bytes(); }

 private:
  ExecutionContext() = default;
  int leased_cores() const { return engine_->device() ? 0 : team_->size(); }
  // Makes ready for the shapes that the engine was built to be warm for.
  Status warm_up(RegionExecutor& executor, const Engine& engine) const;
  // A failure because of shapes, with the profile that takes them.
  Status with_profiles(Status failure, std::span<const Dims> input_dims) const;
  std::vector<Dims> input_dims() const;
  std::shared_ptr<const Engine> family_;  // the engine of profile 0
  std::shared_ptr<const Engine> engine_;
  ContextOptions options_;
  std::unique_ptr<ThreadTeam> pool_;
  ThreadTeam* team_ = nullptr;
  std::atomic<bool> cancelled_{false};
  std::unique_ptr<ExecutorShared> shared_;
  std::unique_ptr<RegionExecutor> executor_;
  Status check_inputs() const;
  std::vector<Value> inputs_, results_;
  std::vector<uint8_t> device_inputs_;  // 1: the input's address is the device's
  std::vector<OutputTarget> targets_;
  std::vector<OutputAllocator> allocators_;  // one an output
};

}  // namespace sinter::runtime
