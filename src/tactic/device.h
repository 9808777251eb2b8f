// Device: where a plan's steps run: memory, copies, streams, timing, graphs. One object a device and context, for the whole process:
// everything shares its context and its allocator. The CPU is the trivial one: copies are memcpy, streams are null, nothing is captured.
//
// All calls but those marked (any time) are made with the device active on the calling thread: inside a DeviceScope.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "core/problem.h"

namespace sinter {

using DeviceStream = void*;   // CUstream
using DeviceEvent = void*;    // CUevent
using DeviceCapture = void*;  // CUgraph
using DeviceGraph = void*;    // CUgraphExec

enum class CopyKind : uint8_t { kHostToDevice, kDeviceToHost, kDeviceToDevice };

constexpr int64_t kDeviceAlignment = 256;  // bytes: of allocations, and of values in a device's arena

class Device {
 public:
  virtual ~Device() = default;
  virtual const DeviceSpec& spec() const = 0;            // (any time)
  virtual const std::string& name() const = 0;           // "NVIDIA H200" (any time)
  virtual int ordinal() const = 0;                       // the 1 of cuda:1 (any time)
  // Whether it can run and measure anything; false: it only says what an engine is built for (builder/boards.h) (any
  // time)
  virtual bool is_here() const { return true; }
  // Whether it is a part of the processor's chip and shares its memory, as on a Jetson (any time)
  virtual bool is_integrated() const { return false; }
  // Whether host memory of allocate_host's kind serves processor and device alike, so that inputs and outputs need no
  // copy (any time)
  virtual bool maps_host_memory() const { return false; }
  // Makes the device current on this thread; true: leave() must follow. (any time)
  virtual Result<bool> enter() = 0;
  virtual void leave() = 0;
  // Ok while this process can use the device. A kernel that faults destroys the device's context and all memory in it for good: then the error
  // says what did it, enter() fails with it, and releasing does nothing. (any time)
  virtual Status lost() const = 0;
  // Passes a failure of work on the device on; the first one after which the device is lost becomes the cause that lost() tells. (any time)
  virtual Status explain(Status failure) = 0;

  // Device memory of at least one byte. An error names the size asked for and what is free.
  virtual Result<void*> allocate(int64_t bytes) = 0;
  virtual void release(void* memory) = 0;
  // Host memory that copies move at full speed and without waiting (pinned).
  virtual Result<void*> allocate_host(int64_t bytes) = 0;
  virtual void release_host(void* memory) = 0;
  // The device's address of host memory of that kind, where maps_host_memory(); null: it has none.
  virtual void* device_address(const void*) { return nullptr; }
  virtual int64_t free_bytes() = 0;
  // Whether the address is the device's memory.
  virtual bool is_device_memory(const void* address) = 0;
  // Whether it is host memory of allocate_host's kind, whoever made it.
  virtual bool is_pinned_memory(const void* address) = 0;

  // In the stream's order; from or to pageable host memory it waits for as long as that memory is used.
  virtual Status copy(void* to, const void* from, int64_t bytes, CopyKind kind, DeviceStream stream) = 0;
  virtual Status fill(void* memory, uint8_t value, int64_t bytes, DeviceStream stream) = 0;

  virtual Result<DeviceStream> make_stream() = 0;
  virtual void release_stream(DeviceStream stream) = 0;
  virtual Status wait(DeviceStream stream) = 0;          // for all work of the stream; failures of that work show here
  virtual Result<DeviceEvent> make_event(bool timing) = 0;
  virtual void release_event(DeviceEvent event) = 0;
  virtual Status record(DeviceEvent event, DeviceStream stream) = 0;
  virtual Status wait_event(DeviceStream stream, DeviceEvent event) = 0;  // the stream's later work waits for the event
  virtual Result<double> elapsed_us(DeviceEvent begin, DeviceEvent end) = 0;  // waits for `end`

  // What is put on the stream between the two calls is captured and does not run. Making a graph of it takes long and may be left to another
  // thread; it uses the capture up.
  virtual Status begin_capture(DeviceStream stream) = 0;
  virtual Result<DeviceCapture> end_capture(DeviceStream stream) = 0;
  virtual Result<DeviceGraph> make_graph(DeviceCapture capture) = 0;
  virtual Status launch_graph(DeviceGraph graph, DeviceStream stream) = 0;
  virtual void release_graph(DeviceGraph graph) = 0;
};

// The device is current on this thread while it lives. Check status() before use. Null device: nothing happens.
class DeviceScope {
 public:
  explicit DeviceScope(Device* device) : device_(device) {
    if (!device_) return;
    auto entered = device_->enter();
    if (entered.ok()) left_ = !*entered;
    else status_ = std::move(entered).status();
  }
  ~DeviceScope() {
    if (device_ && !left_) device_->leave();
  }
  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;
  const Status& status() const { return status_; }

 private:
  Device* device_;
  bool left_ = true;
  Status status_;
};

// Device memory with an owner.
class DeviceBuffer {
 public:
  DeviceBuffer() = default;
  static Result<DeviceBuffer> make(Device* device, int64_t bytes);
  DeviceBuffer(DeviceBuffer&& other) noexcept { swap(other); }
  DeviceBuffer& operator=(DeviceBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer();
  uint8_t* data() const { return static_cast<uint8_t*>(memory_); }
  int64_t bytes() const { return bytes_; }

 private:
  void swap(DeviceBuffer& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
  }
  Device* device_ = nullptr;
  void* memory_ = nullptr;
  int64_t bytes_ = 0;
};

// "cpu", "cuda", "cuda:1" → kind and ordinal.
struct DeviceId {
  DeviceKind kind = DeviceKind::kCpu;
  int ordinal = 0;
};
Result<DeviceId> parse_device(std::string_view text);
std::string to_string(DeviceId id);  // "cpu", "cuda:0"

// The device, with the caller's current CUDA context where it is this device's, else with its primary context. Lives till the process
// ends. An error says what is missing (driver, device of that number) and how to get it.
Result<Device*> find_device(DeviceId id);
// The devices of "cpu", "cuda", "cuda:1", "cuda:0,2" or "cuda:all": all GPUs that Sinter can use. An error where one of
// them is missing.
Result<std::vector<Device*>> find_devices(std::string_view text);

// Defined by src/cuda.
Result<Device*> find_cuda_device(int ordinal);

// What `sinter doctor` says of CUDA: driver, devices, NVRTC, and the libraries that are used when asked for.
struct CudaFinding {
  std::string topic, text;
  bool good = false;
  bool optional = false;  // not having it is no fault
};
std::vector<CudaFinding> examine_cuda();

// Whether the library that tactics of this source need (Tactic::source: "CUBLAS_LT", "CUDNN") is there and of a version that fits. Defined by
// src/cuda.
Status find_tactic_source(std::string_view source);

}  // namespace sinter
