// tactic/device.h on CUDA's driver.
#include "tactic/device.h"

#include <cstdlib>
#include <map>
#include <mutex>

#include "base/system_files.h"
#include "base/system_memory.h"
#include "cuda/driver_api.h"

namespace sinter {
namespace cuda {
namespace {

CUdeviceptr address_of(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
CUstream stream_of(DeviceStream stream) { return static_cast<CUstream>(stream); }

class CudaDevice final : public Device {
 public:
  CudaDevice(const DriverApi& api, int ordinal, CUdevice device, CUcontext context) : api_(api), ordinal_(ordinal), context_(context) {
    char name[128] = "";
    api.DeviceGetName(name, sizeof name - 1, device);
    name_ = name;
    auto attribute = [&](int number) {
      int value = 0;
      api.DeviceGetAttribute(&value, number, device);
      return value;
    };
    spec_.kind = DeviceKind::kCuda;
    spec_.sm = attribute(kAttrMajor) * 10 + attribute(kAttrMinor);
    spec_.processors = attribute(kAttrMultiprocessors);
    spec_.shared_bytes = attribute(kAttrSharedOptin);
    spec_.l2_bytes = attribute(kAttrL2Bytes);
    integrated_ = attribute(kAttrIntegrated) != 0;
    maps_host_memory_ = integrated_;
    if (const char* knob = std::getenv("SINTER_MAP_HOST_MEMORY"); knob && *knob)
      maps_host_memory_ = std::string_view(knob) != "0";
  }

  const DeviceSpec& spec() const override { return spec_; }
  const std::string& name() const override { return name_; }
  int ordinal() const override { return ordinal_; }
  bool is_integrated() const override { return integrated_; }
  bool maps_host_memory() const override { return maps_host_memory_; }

  Status lost() const override {
    const std::string loss = loss_of(context_);
    if (loss.empty()) return ok_status();
    const std::lock_guard lock(mutex_);
    return make_error(Code::kInternal, "device 'cuda:{}' ({}) can't be used by this process any more, since a fault on it destroyed the CUDA context: {}; "
                      "start the process again to use it (engines on the CPU and on other devices go on)",
                      ordinal_, name_, cause_.empty() ? loss : cause_);
  }
  Status explain(Status failure) override {
    if (failure.ok() || loss_of(context_).empty()) return failure;
    const std::lock_guard lock(mutex_);
    if (cause_.empty()) {
      cause_ = failure.message();
      for (const std::string& line : failure.trail()) cause_ += ", " + line;
      return std::move(failure).with(fmt::format("which destroyed the CUDA context of device 'cuda:{}': nothing on it works in this process any more", ordinal_));
    }
    return failure;
  }
  Result<bool> enter() override {
    SINTER_TRY(lost());
    CUcontext current = nullptr;
    SINTER_TRY(check(api_.CtxGetCurrent(&current), "cuCtxGetCurrent"));
    if (current == context_) return false;
    SINTER_TRY(check(api_.CtxPushCurrent(context_), "cuCtxPushCurrent"));
    return true;
  }
  void leave() override {
    CUcontext popped = nullptr;
    api_.CtxPopCurrent(&popped);
  }

  Result<void*> allocate(int64_t bytes) override {
    SINTER_TRY(check_budget(bytes));
    CUdeviceptr pointer = 0;
    const CUresult result = api_.MemAlloc(&pointer, static_cast<size_t>(std::max<int64_t>(bytes, 1)));
    if (result == kCudaErrorOutOfMemory) return no_room("cuMemAlloc failed with CUDA_ERROR_OUT_OF_MEMORY", bytes);
    SINTER_TRY(check(result, "cuMemAlloc"));
    return reinterpret_cast<void*>(static_cast<uintptr_t>(pointer));
  }
  void release(void* memory) override {
    if (memory && alive()) api_.MemFree(address_of(memory));
  }
  Result<void*> allocate_host(int64_t bytes) override {
    SINTER_TRY(check_budget(bytes));
    void* pointer = nullptr;
    SINTER_TRY(check(api_.MemHostAlloc(&pointer, static_cast<size_t>(std::max<int64_t>(bytes, 1)),
                                       maps_host_memory_ ? kHostAllocMapped : 0),
                     fmt::format("cuMemHostAlloc({} bytes of pinned host memory)", bytes)));
    return pointer;
  }
  void release_host(void* memory) override {
    if (memory && alive()) api_.MemFreeHost(memory);
  }
  void* device_address(const void* host) override {
    CUdeviceptr address = 0;
    if (!maps_host_memory_ || !is_pinned_memory(host)) return nullptr;
    const CUresult result = api_.MemHostGetDevicePointer(&address, const_cast<void*>(host), 0);
    return result == kCudaSuccess ? reinterpret_cast<void*>(static_cast<uintptr_t>(address)) : nullptr;
  }
  int64_t free_bytes() override {
    size_t free = 0, total = 0;
    const int64_t told = api_.MemGetInfo(&free, &total) == kCudaSuccess ? static_cast<int64_t>(free) : 0;
    const int64_t budget = integrated_ ? memory_budget(system_root()) : INT64_MAX;
    return budget == INT64_MAX ? told : budget;
  }
  bool is_device_memory(const void* address) override {
    unsigned type = 0;
    return api_.PointerGetAttribute(&type, kPointerMemoryType, address_of(address)) == kCudaSuccess && type == kMemoryTypeDevice;
  }

  bool is_pinned_memory(const void* address) override {
    unsigned type = 0;
    return api_.PointerGetAttribute(&type, kPointerMemoryType, address_of(address)) == kCudaSuccess && type == kMemoryTypeHost;
  }

  Status copy(void* to, const void* from, int64_t bytes, CopyKind kind, DeviceStream stream) override {
    if (bytes == 0) return ok_status();
    const auto size = static_cast<size_t>(bytes);
    switch (kind) {
      case CopyKind::kHostToDevice:
        return check(api_.MemcpyHtoDAsync(address_of(to), from, size, stream_of(stream)), fmt::format("cuMemcpyHtoDAsync({} bytes)", bytes));
      case CopyKind::kDeviceToHost:
        return check(api_.MemcpyDtoHAsync(to, address_of(from), size, stream_of(stream)), fmt::format("cuMemcpyDtoHAsync({} bytes)", bytes));
      case CopyKind::kDeviceToDevice: break;
    }
    return check(api_.MemcpyDtoDAsync(address_of(to), address_of(from), size, stream_of(stream)), fmt::format("cuMemcpyDtoDAsync({} bytes)", bytes));
  }
  Status fill(void* memory, uint8_t value, int64_t bytes, DeviceStream stream) override {
    if (bytes == 0) return ok_status();
    return check(api_.MemsetD8Async(address_of(memory), value, static_cast<size_t>(bytes), stream_of(stream)), "cuMemsetD8Async");
  }

  Result<DeviceStream> make_stream() override {
    CUstream stream = nullptr;
    SINTER_TRY(check(api_.StreamCreate(&stream, kStreamNonBlocking), "cuStreamCreate"));
    return static_cast<DeviceStream>(stream);
  }
  void release_stream(DeviceStream stream) override {
    if (stream && alive()) api_.StreamDestroy(stream_of(stream));
  }
  Status wait(DeviceStream stream) override { return check(api_.StreamSynchronize(stream_of(stream)), "cuStreamSynchronize"); }
  Result<DeviceEvent> make_event(bool timing) override {
    CUevent event = nullptr;
    SINTER_TRY(check(api_.EventCreate(&event, timing ? kEventDefault : kEventDisableTiming), "cuEventCreate"));
    return static_cast<DeviceEvent>(event);
  }
  void release_event(DeviceEvent event) override {
    if (event && alive()) api_.EventDestroy(static_cast<CUevent>(event));
  }
  Status record(DeviceEvent event, DeviceStream stream) override {
    return check(api_.EventRecord(static_cast<CUevent>(event), stream_of(stream)), "cuEventRecord");
  }
  Status wait_event(DeviceStream stream, DeviceEvent event) override {
    return check(api_.StreamWaitEvent(stream_of(stream), static_cast<CUevent>(event), 0), "cuStreamWaitEvent");
  }
  Result<double> elapsed_us(DeviceEvent begin, DeviceEvent end) override {
    float milliseconds = 0;
    SINTER_TRY(check(api_.EventSynchronize(static_cast<CUevent>(end)), "cuEventSynchronize"));
    SINTER_TRY(check(api_.EventElapsedTime(&milliseconds, static_cast<CUevent>(begin), static_cast<CUevent>(end)), "cuEventElapsedTime"));
    return static_cast<double>(milliseconds) * 1e3;
  }

  Status begin_capture(DeviceStream stream) override {
    return check(api_.StreamBeginCapture(stream_of(stream), kCaptureThreadLocal), "cuStreamBeginCapture");
  }
  Result<DeviceCapture> end_capture(DeviceStream stream) override {
    CUgraph graph = nullptr;
    SINTER_TRY(check(api_.StreamEndCapture(stream_of(stream), &graph), "cuStreamEndCapture"));
    return static_cast<DeviceCapture>(graph);
  }
  Result<DeviceGraph> make_graph(DeviceCapture capture) override {
    auto* const graph = static_cast<CUgraph>(capture);
    CUgraphExec executable = nullptr;
    const CUresult result = api_.GraphInstantiate(&executable, graph, 0);
    api_.GraphDestroy(graph);
    SINTER_TRY(check(result, "cuGraphInstantiateWithFlags"));
    return static_cast<DeviceGraph>(executable);
  }
  Status launch_graph(DeviceGraph graph, DeviceStream stream) override {
    return check(api_.GraphLaunch(static_cast<CUgraphExec>(graph), stream_of(stream)), "cuGraphLaunch");
  }
  void release_graph(DeviceGraph graph) override {
    if (graph && alive()) api_.GraphExecDestroy(static_cast<CUgraphExec>(graph));
  }

 private:
  bool alive() const { return loss_of(context_).empty(); }
  // An integrated GPU takes the host's memory, and its driver would give so much of it that the kernel ends some
  // program.
  Status check_budget(int64_t bytes) {
    if (!integrated_ || bytes <= memory_budget(system_root())) return ok_status();
    return no_room("more than this board may give", bytes);
  }
  Status no_room(std::string_view what, int64_t bytes) {
    return make_error(Code::kOutOfMemory, "{}: {} bytes wanted on {} (cuda:{}), {} are free{}{}", what, bytes, name_,
                      ordinal_, free_bytes(),
                      integrated_ ? " (what the host has available, less a margin for the rest of its programs)"
                                  : "; nvidia-smi shows what other programs hold, end some, or have fewer contexts",
                      integrated_ ? memory_advice(system_root()) : fmt::format("; {}", memory_remedies()));
  }

  const DriverApi& api_;
  int ordinal_;
  CUcontext context_;
  std::string name_;
  DeviceSpec spec_;
  bool integrated_ = false, maps_host_memory_ = false;
  mutable std::mutex mutex_;
  std::string cause_;  // of the loss, with the layer where it is known; of the first failure that explain() saw
};

// The caller's current context when it belongs to this device; null otherwise.
CUcontext callers_context(const DriverApi& api, CUdevice device) {
  CUcontext current = nullptr;
  CUdevice owner = -1;
  if (api.CtxGetCurrent(&current) != kCudaSuccess || !current) return nullptr;
  return api.CtxGetDevice(&owner) == kCudaSuccess && owner == device ? current : nullptr;
}

}  // namespace
}  // namespace cuda

Result<Device*> find_cuda_device(int ordinal) {
  SINTER_ASSIGN(const cuda::DriverApi* api, cuda::driver());
  int count = 0;
  SINTER_TRY(cuda::check(api->DeviceGetCount(&count), "cuDeviceGetCount"));
  if (ordinal < 0 || ordinal >= count) {
    return make_error(Code::kNotFound, "device 'cuda:{}': this machine has {} CUDA device{}; use {}", ordinal, count, count == 1 ? "" : "s",
                      count == 0 ? "--device cpu" : fmt::format("cuda:0{}", count > 1 ? fmt::format(" to cuda:{}", count - 1) : ""));
  }
  cuda::CUdevice handle = 0;
  SINTER_TRY(cuda::check(api->DeviceGet(&handle, ordinal), "cuDeviceGet"));
  cuda::CUcontext context = cuda::callers_context(*api, handle);
  if (!context) SINTER_TRY(cuda::check(api->DevicePrimaryCtxRetain(&context, handle), "cuDevicePrimaryCtxRetain"));
  static std::mutex* const mutex = new std::mutex();
  static auto* const devices = new std::map<cuda::CUcontext, std::unique_ptr<Device>>();  // never destroyed: engines may outlive main
  const std::lock_guard lock(*mutex);
  std::unique_ptr<Device>& device = (*devices)[context];
  if (!device) {
    device = std::make_unique<cuda::CudaDevice>(*api, ordinal, handle, context);
    if (device->spec().sm < 80) {
      const std::string text = fmt::format("device 'cuda:{}' is '{}' of compute capability {}.{}; Sinter's kernels need 8.0 or newer (Ampere); use --device cpu",
                                           ordinal, device->name(), device->spec().sm / 10, device->spec().sm % 10);
      devices->erase(context);
      return Status(Code::kUnsupported, text);
    }
  }
  return device.get();
}

}  // namespace sinter
