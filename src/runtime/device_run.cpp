#include "runtime/device_run.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"

namespace sinter::runtime {
namespace {

constexpr size_t kMostGraphs = 4;   // of a shape plan: callers that rotate buffers
constexpr size_t kMostBuffers = 8;  // of an output that are watched for becoming free

}  // namespace

PinnedBuffer::~PinnedBuffer() {
  if (memory_) device_->release_host(memory_);
}

Status PinnedBuffer::reserve(Device* device, int64_t bytes) {
  if (memory_ && bytes <= bytes_) return ok_status();
  if (memory_) device_->release_host(memory_);
  memory_ = nullptr;
  device_ = device;
  bytes_ = bytes;
  SINTER_ASSIGN(memory_, device->allocate_host(bytes));
  return ok_status();
}

Result<std::unique_ptr<DeviceRun>> DeviceRun::make(Device* device, size_t inputs, size_t outputs, std::shared_ptr<SharedArena> shared) {
  std::unique_ptr<DeviceRun> run(new DeviceRun());
  run->device_ = device;
  run->shared_ = std::move(shared);
  SINTER_ASSIGN(run->own_stream_, device->make_stream());
  SINTER_ASSIGN(run->order_, device->make_event(/*timing=*/false));
  run->stream_ = run->own_stream_;
  run->inputs_.resize(inputs);
  run->outputs_.resize(outputs);
  run->mapped_outputs_.resize(outputs);
  for (size_t i = 0; i < inputs; ++i) run->pinned_inputs_.push_back(std::make_unique<PinnedBuffer>());
  for (size_t i = 0; i < outputs; ++i) run->pinned_outputs_.push_back(std::make_unique<PinnedBuffer>());
  return run;
}

DeviceRun::~DeviceRun() {
  const DeviceScope scope(device_);
  if (own_stream_) (void)device_->wait(own_stream_);
  pinned_inputs_.clear();
  pinned_outputs_.clear();
  for (DeviceEvent event : events_) device_->release_event(event);
  device_->release_event(order_);
  device_->release_stream(own_stream_);
}

Status DeviceRun::use_stream(DeviceStream stream) {
  if (!stream) stream = own_stream_;
  if (stream == stream_) return ok_status();
  SINTER_TRY(device_->record(order_, stream_));
  SINTER_TRY(device_->wait_event(stream, order_));
  stream_ = stream;
  return ok_status();
}

Status DeviceRun::reserve_arena(int64_t bytes) {
  if (shared_) return shared_->reserve(bytes);
  if (bytes <= arena_.bytes()) return ok_status();
  SINTER_TRY(wait());
  arena_ = DeviceBuffer();
  auto made = DeviceBuffer::make(device_, bytes);
  if (!made.ok()) return std::move(made).status().with("while making room for activations and scratch of these shapes");
  arena_ = std::move(made).value();
  return ok_status();
}

int64_t DeviceRun::staging_bytes() const {
  int64_t bytes = 0;
  for (const DeviceBuffer& buffer : inputs_) bytes += buffer.bytes();
  for (const auto& buffers : outputs_) {
    for (const auto& buffer : buffers) bytes += buffer->bytes();
  }
  return bytes;
}

namespace {

Status not_mapped(const Device& device) {
  return make_error(Code::kInternal,
                    "device '{}' has no address for pinned host memory, which it shares; set SINTER_MAP_HOST_MEMORY=0 "
                    "to copy instead, and report this",
                    device.name());
}

bool suits_kernels(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

}  // namespace

// Used where it lies if it is memory of the right kind, else brought there by the processor.
Result<const void*> DeviceRun::map_input(size_t index, const void* data, int64_t bytes) {
  // An output of the run before may be this one's input, but not while this one writes it anew.
  const bool output = std::ranges::any_of(pinned_outputs_, [&](const auto& buffer) { return buffer->holds(data); });
  if (const void* own = output ? nullptr : device_->device_address(data); own && suits_kernels(own)) return own;
  PinnedBuffer& pinned = *pinned_inputs_[index];
  SINTER_TRY(pinned.reserve(device_, bytes));
  if (bytes > 0) std::memcpy(pinned.data(), data, static_cast<size_t>(bytes));
  const void* address = device_->device_address(pinned.data());
  return address ? Result<const void*>(address) : not_mapped(*device_);
}

Result<void*> DeviceRun::map_output(size_t index, void* data, int64_t bytes) {
  Mapped& mapped = mapped_outputs_[index];
  mapped = {static_cast<uint8_t*>(data), data ? device_->device_address(data) : nullptr};
  if (mapped.device && suits_kernels(mapped.device)) return mapped.device;
  PinnedBuffer& pinned = *pinned_outputs_[index];
  SINTER_TRY(pinned.reserve(device_, bytes));
  mapped = {pinned.data(), device_->device_address(pinned.data())};
  return mapped.device ? Result<void*>(mapped.device) : not_mapped(*device_);
}

Result<const void*> DeviceRun::stage_input(size_t index, const void* data, int64_t bytes, bool on_device) {
  if (!on_device && device_->maps_host_memory()) return map_input(index, data, bytes);
  DeviceBuffer& buffer = inputs_[index];
  if (!buffer.data() || buffer.bytes() < bytes) {
    SINTER_TRY(wait());
    buffer = DeviceBuffer();
    SINTER_ASSIGN(buffer, DeviceBuffer::make(device_, bytes));
  }
  if (on_device) {
    SINTER_TRY(device_->copy(buffer.data(), data, bytes, CopyKind::kDeviceToDevice, stream_));
  } else if (device_->is_pinned_memory(data)) {  // of the caller, who leaves it alone during the run
    SINTER_TRY(device_->copy(buffer.data(), data, bytes, CopyKind::kHostToDevice, stream_));
  } else {
    PinnedBuffer& pinned = *pinned_inputs_[index];
    SINTER_TRY(pinned.reserve(device_, bytes));
    if (bytes > 0) std::memcpy(pinned.data(), data, static_cast<size_t>(bytes));
    SINTER_TRY(device_->copy(buffer.data(), pinned.data(), bytes, CopyKind::kHostToDevice, stream_));
  }
  return static_cast<const void*>(buffer.data());
}

Result<void*> DeviceRun::output_buffer(size_t index, int64_t bytes) {
  auto& buffers = outputs_[index];
  const auto is_free = [&](const std::shared_ptr<DeviceBuffer>& buffer) { return buffer.use_count() == 1 && buffer->bytes() >= bytes; };
  const auto found = std::find_if(buffers.rbegin(), buffers.rend(), is_free);  // the last one first: graphs are of its address
  if (found != buffers.rend()) {
    std::rotate(found.base() - 1, found.base(), buffers.end());
    return static_cast<void*>(buffers.back()->data());
  }
  // Those that are too small go, when nothing uses them any more; those that are held live on without this object.
  const auto is_small = [](const auto& buffer) { return buffer.use_count() == 1; };
  if (std::ranges::any_of(buffers, is_small)) SINTER_TRY(wait());
  std::erase_if(buffers, is_small);
  if (buffers.size() >= kMostBuffers) buffers.erase(buffers.begin());
  SINTER_ASSIGN(DeviceBuffer made, DeviceBuffer::make(device_, bytes));
  buffers.push_back(std::make_shared<DeviceBuffer>(std::move(made)));
  return static_cast<void*>(buffers.back()->data());
}

Result<const uint8_t*> DeviceRun::fetch_output(size_t index, const void* from, int64_t bytes) {
  PinnedBuffer& pinned = *pinned_outputs_[index];
  SINTER_TRY(pinned.reserve(device_, bytes));
  SINTER_TRY(device_->copy(pinned.data(), from, bytes, CopyKind::kDeviceToHost, stream_));
  return static_cast<const uint8_t*>(pinned.data());
}

Status DeviceRun::wait() { return device_->wait(stream_).with("while waiting for the device to finish the run"); }

Result<DeviceRun::Found> DeviceRun::find_graph(ShapePlan& plan, const std::vector<uintptr_t>& bases) {
  Found found;
  take_pending(plan, /*wait=*/false);
  const auto same = [&](const ShapePlan::CapturedGraph& graph) { return graph.bases == bases; };
  const auto it = std::find_if(plan.graphs.begin(), plan.graphs.end(), same);
  if (it != plan.graphs.end()) {
    std::rotate(it, it + 1, plan.graphs.end());
    found.graph = plan.graphs.back().graph;
    return found;
  }
  // Pointers seen once may never come again, and the first launch of a kernel loads it, which a capture may not do.
  found.capture = plan.last_bases == bases && !plan.pending.valid() && !plan.graphs_fail;
  plan.last_bases = bases;
  if (found.capture && plan.graphs.size() >= kMostGraphs) {
    SINTER_TRY(wait());
    device_->release_graph(plan.graphs.front().graph);
    plan.graphs.erase(plan.graphs.begin());
  }
  return found;
}

void DeviceRun::start_graph(ShapePlan& plan, const std::vector<uintptr_t>& bases, DeviceCapture capture) {
  plan.pending_bases = bases;
  plan.pending = std::async(std::launch::async, [device = device_, capture]() -> Result<DeviceGraph> {
    const DeviceScope scope(device);
    SINTER_TRY(scope.status());
    return device->make_graph(capture);
  });
}

void DeviceRun::take_pending(ShapePlan& plan, bool wait) {
  if (!plan.pending.valid()) return;
  if (!wait && plan.pending.wait_for(std::chrono::seconds(0)) != std::future_status::ready) return;
  const Result<DeviceGraph> graph = plan.pending.get();
  if (graph.ok()) {
    plan.graphs.push_back({std::move(plan.pending_bases), *graph});
    return;
  }
  plan.graphs_fail = true;
  log(Severity::kWarning, "{}: no CUDA graph could be made of the run, so every layer is launched on its own; free device memory, or make the context anew",
      graph.status().message());
}

void DeviceRun::release_graphs(ShapePlan& plan) {
  take_pending(plan, /*wait=*/true);
  if (plan.graphs.empty()) return;
  const DeviceScope scope(device_);
  (void)device_->wait(stream_);
  for (const ShapePlan::CapturedGraph& graph : plan.graphs) device_->release_graph(graph.graph);
  plan.graphs.clear();
}

// A fill of a large buffer takes tens of microseconds, queueing a step and its events a few.
Status DeviceRun::hold_back(size_t steps) {
  constexpr int64_t kLeast = 1 << 20, kMost = 64 << 20;
  constexpr size_t kSpare = 16;
  if (filler_.bytes() == 0) {
    SINTER_ASSIGN(filler_, DeviceBuffer::make(device_, std::clamp(2 * device_->spec().l2_bytes, kLeast, kMost)));
  }
  for (size_t i = 0; i < steps + kSpare; ++i) SINTER_TRY(device_->fill(filler_.data(), 0, filler_.bytes(), stream_));
  return ok_status();
}

Result<DeviceEvent> DeviceRun::step_event(size_t number) {
  while (events_.size() <= number) {
    SINTER_ASSIGN(DeviceEvent event, device_->make_event(/*timing=*/true));
    events_.push_back(event);
  }
  return events_[number];
}

}  // namespace sinter::runtime
