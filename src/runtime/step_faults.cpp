#include "runtime/step_faults.h"

#include <algorithm>
#include <atomic>
#include <memory>

namespace sinter::runtime {
namespace {

bool works_with_indices(const StepProgram& step) {
  constexpr std::string_view kOps[] = {"Gather", "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND"};
  return step.on_device && std::find(std::begin(kOps), std::end(kOps), step.step->problem.op) != std::end(kOps);
}

}  // namespace

StepFaults::~StepFaults() {
  if (!records_) return;
  const DeviceScope scope(device_);
  device_->release_host(records_);
}

Status StepFaults::reserve(Device* device, const RegionProgram& program) {
  if (!std::any_of(program.steps.begin(), program.steps.end(), works_with_indices)) return ok_status();
  device_ = device;
  count_ = program.steps.size();
  SINTER_ASSIGN(void* memory, device->allocate_host(static_cast<int64_t>(count_ * sizeof(DeviceFault))));
  records_ = static_cast<DeviceFault*>(memory);
  std::uninitialized_default_construct_n(records_, count_);
  return ok_status();
}

Status StepFaults::take(const RegionProgram& program) {
  for (size_t s = 0; records_ && s < count_; ++s) {
    if (std::atomic_ref<uint32_t>(records_[s].seen).load(std::memory_order_acquire) == 0) continue;
    const DeviceFault fault = records_[s];
    std::uninitialized_default_construct_n(records_, count_);
    const plan::Step& step = *program.steps[s].step;
    return make_error(Code::kInvalidArgument, "node '{}' ({}): index {} at position {}; expected one in [{},{}]; the outputs of this run are not valid",
                      step.name, step.problem.op, fault.value, fault.position, -fault.size, fault.size - 1);
  }
  return ok_status();
}

}  // namespace sinter::runtime
