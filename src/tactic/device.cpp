#include "tactic/device.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/system_files.h"
#include "base/system_memory.h"
#include "core/tensor.h"

namespace sinter {
namespace {

constexpr int kMostGpus = 64;  // of a machine

// The trivial device: this process's memory.
class HostDevice final : public Device {
 public:
  const DeviceSpec& spec() const override { return spec_; }
  const std::string& name() const override { return name_; }
  int ordinal() const override { return 0; }
  Result<bool> enter() override { return false; }
  void leave() override {}
  Status lost() const override { return ok_status(); }
  Status explain(Status failure) override { return failure; }
  Result<void*> allocate(int64_t bytes) override {
    constexpr int64_t kAddresses = int64_t{1} << 47;  // of a process; more is not asked for
    if (bytes > kAddresses) return make_error(Code::kOutOfMemory, "{} bytes are more than a process can have; use smaller inputs", bytes);
    SINTER_TRY(check_memory_budget(bytes, "memory of the CPU"));
    void* memory = nullptr;
    const size_t size = static_cast<size_t>((std::max<int64_t>(bytes, 1) + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment);
    if (::posix_memalign(&memory, kDeviceAlignment, size) != 0) {
      return make_error(Code::kOutOfMemory, "{} bytes could not be allocated{}", bytes, memory_advice(system_root()));
    }
    return memory;
  }
  void release(void* memory) override { std::free(memory); }
  Result<void*> allocate_host(int64_t bytes) override { return allocate(bytes); }
  void release_host(void* memory) override { std::free(memory); }
  int64_t free_bytes() override { return cpu_info().memory_bytes; }
  bool is_device_memory(const void*) override { return true; }
  bool is_pinned_memory(const void*) override { return true; }
  Status copy(void* to, const void* from, int64_t bytes, CopyKind, DeviceStream) override {
    if (bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
    return ok_status();
  }
  Status fill(void* memory, uint8_t value, int64_t bytes, DeviceStream) override {
    if (bytes > 0) std::memset(memory, value, static_cast<size_t>(bytes));
    return ok_status();
  }
  Result<DeviceStream> make_stream() override { return DeviceStream(nullptr); }
  void release_stream(DeviceStream) override {}
  Status wait(DeviceStream) override { return ok_status(); }
  Result<DeviceEvent> make_event(bool) override { return DeviceEvent(nullptr); }
  void release_event(DeviceEvent) override {}
  Status record(DeviceEvent, DeviceStream) override { return ok_status(); }
  Status wait_event(DeviceStream, DeviceEvent) override { return ok_status(); }
  Result<double> elapsed_us(DeviceEvent, DeviceEvent) override { return no("timing by events"); }
  Status begin_capture(DeviceStream) override { return no("capturing a graph"); }
  Result<DeviceCapture> end_capture(DeviceStream) override { return no("capturing a graph"); }
  Result<DeviceGraph> make_graph(DeviceCapture) override { return no("making a graph"); }
  Status launch_graph(DeviceGraph, DeviceStream) override { return no("launching a graph"); }
  void release_graph(DeviceGraph) override {}

 private:
  static Status no(const char* what) { return make_error(Code::kUnsupported, "device 'cpu': {} is for GPUs", what); }
  DeviceSpec spec_;
  std::string name_ = "cpu";
};

}  // namespace

Result<DeviceBuffer> DeviceBuffer::make(Device* device, int64_t bytes) {
  DeviceBuffer buffer;
  SINTER_ASSIGN(buffer.memory_, device->allocate(bytes));
  buffer.device_ = device;
  buffer.bytes_ = bytes;
  return buffer;
}

DeviceBuffer::~DeviceBuffer() {
  if (!memory_) return;
  const DeviceScope scope(device_);
  if (scope.status().ok()) device_->release(memory_);
}

Result<DeviceId> parse_device(std::string_view text) {
  const auto wrong = [&] {
    return make_error(Code::kInvalidArgument,
                      "device: found '{}', expected 'cpu', 'cuda' or 'cuda:N' (N counts from 0); several GPUs "
                      "(cuda:all, cuda:0,1) are for bench and eval",
                      text);
  };
  if (text == "cpu") return DeviceId();
  if (text.substr(0, 4) != "cuda") return wrong();
  DeviceId id{DeviceKind::kCuda, 0};
  if (text.size() == 4) return id;
  const char* end = text.data() + text.size();
  if (text[4] != ':' || text.size() == 5) return wrong();
  const auto parsed = std::from_chars(text.data() + 5, end, id.ordinal);
  if (parsed.ec != std::errc() || parsed.ptr != end || id.ordinal < 0) return wrong();
  return id;
}

std::string to_string(DeviceId id) { return id.kind == DeviceKind::kCpu ? "cpu" : fmt::format("cuda:{}", id.ordinal); }

Result<Device*> find_device(DeviceId id) {
  if (id.kind == DeviceKind::kCuda) return find_cuda_device(id.ordinal);
  static HostDevice* const host = new HostDevice();
  return host;
}

namespace {

Result<std::vector<Device*>> find_all_gpus() {
  std::vector<Device*> devices;
  Status first;
  for (int ordinal = 0;; ++ordinal) {
    auto device = find_cuda_device(ordinal);
    if (device.ok()) {
      devices.push_back(*device);
    } else if (device.status().code() == Code::kUnsupported && ordinal < kMostGpus) {
      log(Severity::kInfo, "cuda:all leaves a GPU out: {}", device.status().message());
      if (first.ok()) first = device.status();
    } else if (!devices.empty() && device.status().code() == Code::kNotFound) {
      return devices;
    } else {
      return first.ok() ? device.status() : first;
    }
  }
}

}  // namespace

Result<std::vector<Device*>> find_devices(std::string_view text) {
  constexpr std::string_view kCuda = "cuda:";
  if (text == "cuda:all") return find_all_gpus();
  std::vector<DeviceId> ids;
  const bool list = text.substr(0, kCuda.size()) == kCuda && text.find(',') != text.npos;
  std::string_view rest = list ? text.substr(kCuda.size()) : text;
  for (bool more = true; more;) {
    const size_t comma = list ? rest.find(',') : rest.npos;
    more = comma != rest.npos;
    const auto id = parse_device(list ? fmt::format("{}{}", kCuda, rest.substr(0, comma)) : std::string(rest));
    if (!id.ok())
      return make_error(Code::kInvalidArgument,
                        "devices: found '{}', expected cpu, cuda, cuda:N, a list such as cuda:0,1, or cuda:all", text);
    const auto same = [&](const DeviceId& other) { return other.ordinal == id->ordinal; };
    if (std::ranges::any_of(ids, same))
      return make_error(Code::kInvalidArgument, "devices '{}': {} is there twice; name each once", text,
                        to_string(*id));
    ids.push_back(*id);
    if (more) rest.remove_prefix(comma + 1);
  }
  std::vector<Device*> devices;
  for (const DeviceId& id : ids) {
    SINTER_ASSIGN(Device * device, find_device(id));
    devices.push_back(device);
  }
  return devices;
}

}  // namespace sinter
