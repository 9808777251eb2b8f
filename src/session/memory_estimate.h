// What a model will take of a device's memory, before anything is built: weights, activations, workspace, inputs and outputs and the runtime, for each
// precision and batch, against the device's budget.
//
// An estimate: activations are placed as a memory plan would place them, in the optimised graph; layouts, padding and the tactics' scratch are
// known only once the engine is built, and are allowed for by shares that are measured on engines of this machine.
#pragma once

#include <string>
#include <vector>

#include "session/session.h"

namespace sinter::session {

struct MemoryDevice {
  std::string name, text;
  int64_t total = 0, system = 0, desktop = 0, cuda = 0, runtime = 0;  // bytes
  int64_t budget(bool with_desktop) const { return total - system - cuda - runtime - (with_desktop ? desktop : 0); }
};

std::vector<MemoryDevice> memory_devices();
// A name of the list, or a size ("6GiB"), all of which is the budget.
Result<MemoryDevice> find_memory_device(const std::string& text);

struct MemoryOptions {
  std::string device = "orin-nano-8gb";
  bool desktop = false;
  std::vector<int64_t> batches;  // {}: 1, 4, 16 and the largest that fits; of a fixed batch: that
};

struct MemoryRow {
  std::string precision;  // "fp32", "fp16", "int8"
  int64_t batch = 1;
  int64_t weights = 0, activations = 0, workspace = 0, io = 0;  // bytes
  int64_t total() const { return weights + activations + workspace + io; }
};

struct MemoryEstimate {
  MemoryDevice device;
  bool desktop = false;
  int64_t budget = 0;
  bool any_batch = false;              // the batch is dynamic, or can be made so
  std::string fixed_why;               // else: why not
  std::vector<MemoryRow> rows;
  struct Largest {
    std::string precision;
    int64_t batch = 0;  // 0: not even one fits
  };
  std::vector<Largest> largest;
  int64_t unknown_values = 0;          // sizes that depend on data: not counted
};

// Shapes of the request: what dynamic dims are (their largest).
Result<MemoryEstimate> estimate_memory(const BuildRequest& request, const MemoryOptions& options);
std::string to_json(const MemoryEstimate& estimate);

}  // namespace sinter::session
