// ShapePlan: a region made ready for one set of input shapes: every known size, one place in memory a value, specialised kernels and
// their pointer tables. A context keeps a few and switches between them at no cost.
//
// A value with a known size and fixed-size elements is `fixed`: it lies at an offset from an external base (the arena, an input,
// an output, a captured value, a constant). Other values (strings, containers, sizes that depend on data) live on the
// heap in the executor's states. A step whose values are all fixed is launched from its table without further work.
#pragma once

#include <future>
#include <memory>
#include <vector>

#include "runtime/program.h"
#include "tactic/device.h"

namespace sinter::runtime {

// External bases, in this order: arena, absolute addresses, device arena, inputs, outputs, captured values.
constexpr int32_t kArenaBase = 0, kAbsoluteBase = 1, kDeviceArenaBase = 2, kFirstInputBase = 3;

struct Slot {
  bool fixed = false;
  int32_t base = kArenaBase;
  int64_t offset = 0;
  int64_t bytes = 0;
  Dims dims;  // logical
};

struct StepState {
  std::unique_ptr<Kernel> kernel;  // specialised, for kernel steps whose values are all fixed; else made at first use
  bool fast = false;
  size_t first_input = 0, first_output = 0, workspace = 0;  // places in the pointer table
  std::vector<Dims> input_dims, output_dims;                // that the kernel is specialised for
  int64_t workspace_bytes = 0;
  int64_t live_bytes = 0;  // of the arenas that hold something while the step runs, its workspace included
};

struct ShapePlan {
  Dims key;
  Bindings bindings;
  std::vector<Slot> slots;  // one a value
  std::vector<StepState> steps;
  int64_t arena_bytes = 0, device_arena_bytes = 0;
  bool all_fast = true;    // every step is launched from its table
  bool all_device = false; // and on the device: the whole can be one graph
  bool proven = false;     // a run has succeeded

  // Graphs of the region, each for one set of bases; the executor makes and releases them.
  struct CapturedGraph {
    std::vector<uintptr_t> bases;
    DeviceGraph graph = nullptr;
  };
  std::vector<CapturedGraph> graphs;  // most recently used last
  std::vector<uintptr_t> last_bases;  // of the last run that was not a graph
  std::future<Result<DeviceGraph>> pending;  // being made, for pending_bases
  std::vector<uintptr_t> pending_bases;
  bool graphs_fail = false;           // one could not be made

  std::vector<void*> pointers;
  struct Patch {
    uint32_t place;
    int32_t base;
    int64_t offset;
  };
  std::vector<Patch> patches;        // sorted by base
  std::vector<uint32_t> patch_begin; // one a base and one more
  std::vector<uintptr_t> bases;      // that the table holds

  int32_t output_base(const RegionProgram& program, size_t output) const {
    return kFirstInputBase + static_cast<int32_t>(program.region->inputs.size() + output);
  }
  int32_t captured_base(const RegionProgram& program, size_t number) const {
    return output_base(program, program.region->outputs.size() + number);
  }
  // Writes pointers of every base that differs from what the table holds.
  void apply(const std::vector<uintptr_t>& new_bases);
};

// What a shape plan follows from. Dims of inputs and captured values that are no tensors of fixed-size elements are ignored.
struct ShapeRequest {
  const plan::Plan* plan = nullptr;
  const RegionProgram* program = nullptr;
  const std::vector<Tensor>* blobs = nullptr;
  const std::vector<const void*>* device_blobs = nullptr;
  int threads = 1;
  std::vector<Dims> inputs, captured;
  Bindings bindings;  // of enclosing regions
};
Result<std::unique_ptr<ShapePlan>> make_shape_plan(const ShapeRequest& request);

bool has_fixed_size(const ValueType& type);  // a tensor whose elements have a size
// Dims for Kernel::specialize: zero-rank for absent values, the problem's for packed ones.
std::vector<Dims> step_dims(const StepProgram& step, bool outputs, const std::vector<Slot>& slots);

// Does the operator's own shape rule give the dims that the plan declares? Keeps a damaged plan from making a kernel write past
// its output. Steps whose operator is not known here, or whose sizes need more than shapes, pass.
Status check_step_shapes(const StepProgram& step, const std::vector<Dims>& inputs, const std::vector<Dims>& outputs);

}  // namespace sinter::runtime
