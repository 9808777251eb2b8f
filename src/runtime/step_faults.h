// StepFaults: indices out of range that kernels on a device found, which a launch can't return: a record a step in pinned memory, read when the outputs have been
// waited for. Nothing is waited for or copied on its account.
#pragma once

#include "runtime/program.h"
#include "tactic/device.h"

namespace sinter::runtime {

class StepFaults {
 public:
  StepFaults() = default;
  StepFaults(const StepFaults&) = delete;
  StepFaults& operator=(const StepFaults&) = delete;
  ~StepFaults();

  // Records for a region's steps; none where no step works with indices.
  Status reserve(Device* device, const RegionProgram& program);
  // Where the step's kernel reports; null: nowhere.
  DeviceFault* at(size_t step) const { return records_ ? records_ + step : nullptr; }
  // The first fault since the last call, as an error that names the step. The device must have finished the run.
  Status take(const RegionProgram& program);

 private:
  Device* device_ = nullptr;
  DeviceFault* records_ = nullptr;
  size_t count_ = 0;
};

}  // namespace sinter::runtime
