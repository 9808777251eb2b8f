// The executor's work with a device: memory, inputs and outputs that are elsewhere than the plan wants them, transfers, times.
#include <algorithm>
#include <cstring>

#include "runtime/region_executor.h"

namespace sinter::runtime {
namespace {

constexpr uintptr_t kMinAlignment = 16;  // of what kernels read and write

bool is_aligned(const void* data) { return reinterpret_cast<uintptr_t>(data) % kMinAlignment == 0; }

}  // namespace

Status RegionExecutor::open_device() {
  if (!shared_.device) return ok_status();
  // A body has an arena of its own: it runs within a turn of its parent.
  SINTER_ASSIGN(device_, DeviceRun::make(shared_.device, program_.region->inputs.size(), program_.region->outputs.size(), parent_ ? nullptr : shared_.arena));
  fetched_.resize(program_.region->outputs.size());
  for (const auto& child : children_) SINTER_TRY(child->open_device());
  return faults_.reserve(shared_.device, program_);
}

int64_t RegionExecutor::device_bytes() const {
  int64_t bytes = device_ ? device_->arena_bytes() + device_->staging_bytes() : 0;
  for (const auto& child : children_) bytes += child->device_bytes();
  return bytes;
}

Status RegionExecutor::reserve_memory(const ShapePlan& plan) {
  Status status = arena_.reserve(plan.arena_bytes);
  if (status.ok() && device_) status = device_->reserve_arena(plan.device_arena_bytes);
  return status.ok() ? ok_status() : std::move(status).with(largest_need(plan));
}

// Which layer makes the arenas as large as they are, for when they do not fit.
std::string RegionExecutor::largest_need(const ShapePlan& plan) const {
  constexpr double kMiB = 1 << 20;
  const auto most = std::max_element(plan.steps.begin(), plan.steps.end(),
                                     [](const auto& a, const auto& b) { return a.live_bytes < b.live_bytes; });
  if (most == plan.steps.end()) return "while making room for a region without steps";
  const plan::Step& step = program_.region->steps[static_cast<size_t>(most - plan.steps.begin())];
  return fmt::format("layer '{}' ({}) needs the most: {:.1f} MiB of activations and {:.1f} MiB of workspace", step.name,
                     step.problem.op, static_cast<double>(most->live_bytes - most->workspace_bytes) / kMiB,
                     static_cast<double>(most->workspace_bytes) / kMiB);
}

// Where the plan wants it: in place, or a copy.
Result<const void*> RegionExecutor::place_input(size_t index, const Tensor& tensor, bool on_device) {
  if (!device_) {
    return make_error(Code::kInvalidArgument, "input '{}' is an address of a device, but the engine runs on the CPU; pass host memory",
                      program_.region->values[program_.region->inputs[index]].name);
  }
  if (is_device_value(program_.region->inputs[index])) {
    if (on_device && is_aligned(tensor.raw())) return tensor.raw();
    auto staged = device_->stage_input(index, tensor.raw(), tensor.bytes(), on_device);
    if (staged.ok()) return staged;
    return std::move(staged).status().with(fmt::format("while bringing input '{}' to the device", program_.region->values[program_.region->inputs[index]].name));
  }
  Tensor& copy = input_copies_[index];
  if (!copy.defined() || copy.dtype() != tensor.dtype() || copy.dims() != tensor.dims()) copy = Tensor(tensor.dtype(), tensor.dims());
  SINTER_TRY(device_->device().copy(copy.raw(), tensor.raw(), tensor.bytes(), CopyKind::kDeviceToHost, device_->stream()));
  SINTER_TRY(device_->wait());
  return copy.raw();
}

Status RegionExecutor::check_asynchronous(std::span<const OutputTarget> targets, const RunOptions& options) const {
  if (!device_ || !current_->all_device) {
    return make_error(Code::kUnsupported, "the engine has steps on the host, so a run can't be put on a CUDA stream; execute it instead");
  }
  for (size_t i = 0; i < program_.region->inputs.size(); ++i) {
    if (i < options.device_inputs.size() && options.device_inputs[i]) continue;
    return make_error(Code::kInvalidArgument, "input '{}' is not in device memory, which a run on a CUDA stream needs",
                      program_.region->values[program_.region->inputs[i]].name);
  }
  for (size_t k = 0; k < program_.region->outputs.size(); ++k) {
    if (k < targets.size() && targets[k].on_device && is_device_value(program_.region->outputs[k])) continue;
    return make_error(Code::kInvalidArgument, "output '{}' has no device memory to go to, which a run on a CUDA stream needs",
                      program_.region->values[program_.region->outputs[k]].name);
  }
  return ok_status();
}

Status RegionExecutor::run_transfer(const plan::Step& step, const StepState&) {
  if (!device_) return make_error(Code::kInvalidEngine, "step '{}' needs a device; the engine is damaged, build it again", step.name);
  const int32_t from = step.inputs[0], to = step.outputs[0];
  const int64_t bytes = current_->slots[to].bytes;
  const CopyKind kind = is_device_value(to) ? CopyKind::kHostToDevice : CopyKind::kDeviceToHost;
  if (kind == CopyKind::kDeviceToHost) {
    host_waits_ = true;
  } else if (host_waits_) {  // what it reads may be on its way
    SINTER_TRY(device_->wait());
    host_waits_ = false;
  }
  SINTER_TRY(device_->device().copy(data_of(to), data_of(from), bytes, kind, device_->stream()));
  return ok_status();
}

// Before a run whose layers are timed: the device is kept busy for longer than it takes to queue two runs. The first of them, here, warms
// caches as the run before does in a replay; in the second every launch is queued when its turn comes, so that events see the device's time
// alone. Steps read nothing that an earlier run of the same inputs could have changed.
Status RegionExecutor::queue_ahead() {
  SINTER_TRY(device_->hold_back(program_.steps.size()));
  for (size_t s = 0; s < program_.steps.size(); ++s) SINTER_TRY(run_step(s));
  for (const size_t event : {0, 1}) {  // what a pair of events takes with nothing between
    SINTER_ASSIGN(DeviceEvent mark, device_->step_event(2 * program_.steps.size() + event));
    SINTER_TRY(device_->device().record(mark, device_->stream()));
  }
  empty_timed_ = true;
  return ok_status();
}

Status RegionExecutor::add_device_times() {
  SINTER_TRY(device_->wait());
  host_waits_ = false;
  double empty_us = 0;
  if (empty_timed_) {
    SINTER_ASSIGN(DeviceEvent begin, device_->step_event(2 * program_.steps.size()));
    SINTER_ASSIGN(DeviceEvent end, device_->step_event(2 * program_.steps.size() + 1));
    SINTER_ASSIGN(empty_us, device_->device().elapsed_us(begin, end));
  }
  for (size_t s = 0; s < program_.steps.size(); ++s) {
    if (!program_.steps[s].on_device) continue;
    SINTER_ASSIGN(DeviceEvent begin, device_->step_event(2 * s));
    SINTER_ASSIGN(DeviceEvent end, device_->step_event(2 * s + 1));
    SINTER_ASSIGN(const double us, device_->device().elapsed_us(begin, end));
    times_[s].add(std::max(us - empty_us, 0.0));
  }
  empty_timed_ = false;
  return ok_status();
}

Status RegionExecutor::fetch_output(size_t index, const OutputTarget& target, int64_t bytes) {
  const uint8_t* made = data_of(program_.region->outputs[index]);
  Device& device = device_->device();
  if (target.on_device && target.data) {
    return made == target.data ? ok_status() : device.copy(target.data, made, bytes, CopyKind::kDeviceToDevice, device_->stream());
  }
  if (target.on_device) {
    const auto kept = device_->share_output(index);
    fetched_[index] = made;
    if (kept && kept->data() == made) return ok_status();
    // It is an input, a constant, or part of another value: memory that is not this output's.
    SINTER_ASSIGN(void* const buffer, device_->output_buffer(index, bytes));
    fetched_[index] = static_cast<const uint8_t*>(buffer);
    return device.copy(buffer, made, bytes, CopyKind::kDeviceToDevice, device_->stream());
  }
  if (device_->is_mapped_output(index, made)) {
    fetched_[index] = device_->mapped_output(index);
    return ok_status();
  }
  if (target.data && target.bytes >= bytes && device.is_pinned_memory(target.data)) {
    fetched_[index] = static_cast<const uint8_t*>(target.data);
    return device.copy(target.data, made, bytes, CopyKind::kDeviceToHost, device_->stream());
  }
  SINTER_ASSIGN(fetched_[index], device_->fetch_output(index, made, bytes));
  return ok_status();
}

std::shared_ptr<const DeviceBuffer> RegionExecutor::share_output(size_t index) const {
  const auto buffer = device_ ? device_->share_output(index) : nullptr;
  return buffer && buffer->data() == fetched_[index] ? buffer : nullptr;
}

Status RegionExecutor::fetch_outputs(std::span<const OutputTarget> targets, bool wait) {
  for (size_t k = 0; k < program_.region->outputs.size(); ++k) {
    const int32_t v = program_.region->outputs[k];
    const Slot& slot = current_->slots[v];
    const OutputTarget target = k < targets.size() ? targets[k] : OutputTarget();
    if (!is_device_value(v)) {
      if (!target.on_device) continue;
      return make_error(Code::kUnsupported, "output '{}' is made on the host, so it can't be written to device memory; pass host memory",
                        program_.region->values[v].name);
    }
    if (!slot.fixed) {
      return make_error(Code::kInvalidEngine, "output '{}' on the device has no size; the engine is damaged, build it again", program_.region->values[v].name);
    }
    SINTER_TRY(fetch_output(k, target, slot.bytes).with(fmt::format("while bringing output '{}' to where it is wanted", output_name(k))));
  }
  if (!wait) return ok_status();  // an index out of range shows in the next run that is waited for
  host_waits_ = false;
  SINTER_TRY(device_->wait());
  return faults_.take(program_);
}

}  // namespace sinter::runtime
