#include "nvml.h"

#include <dlfcn.h>

#include <cstdlib>

namespace sinter::tool::monitor {
namespace {

// Of NVML's interface, whose numbers stay.
constexpr int kSuccess = 0, kGraphicsClock = 0, kMemoryClock = 2, kVideoClock = 3, kGpuSensor = 0, kSlowdownThreshold = 1;
constexpr unsigned kMostDevices = 64;
struct Utilization {
  unsigned gpu, memory;
};
struct Memory {
  unsigned long long total, free, used;
};

std::optional<double> megabytes(unsigned long long bytes) { return static_cast<double>(bytes) / 1048576; }

}  // namespace

struct Nvml::Functions {
  void* library = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, void**) = nullptr;
  int (*name)(void*, char*, unsigned) = nullptr;
  int (*utilization)(void*, Utilization*) = nullptr;
  int (*memory)(void*, Memory*) = nullptr;
  int (*temperature)(void*, int, unsigned*) = nullptr;
  int (*threshold)(void*, int, unsigned*) = nullptr;
  int (*power)(void*, unsigned*) = nullptr;
  int (*power_limit)(void*, unsigned*) = nullptr;
  int (*clock)(void*, int, unsigned*) = nullptr;
  int (*max_clock)(void*, int, unsigned*) = nullptr;
  int (*encoder)(void*, unsigned*, unsigned*) = nullptr;
  int (*decoder)(void*, unsigned*, unsigned*) = nullptr;
  int (*throttle)(void*, unsigned long long*) = nullptr;

  template <typename Function>
  void find(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(dlsym(library, symbol));
  }
  void find_all() {
    find(init, "nvmlInit_v2");
    find(shutdown, "nvmlShutdown");
    find(count, "nvmlDeviceGetCount_v2");
    find(handle, "nvmlDeviceGetHandleByIndex_v2");
    find(name, "nvmlDeviceGetName");
    find(utilization, "nvmlDeviceGetUtilizationRates");
    find(memory, "nvmlDeviceGetMemoryInfo");
    find(temperature, "nvmlDeviceGetTemperature");
    find(threshold, "nvmlDeviceGetTemperatureThreshold");
    find(power, "nvmlDeviceGetPowerUsage");
    find(power_limit, "nvmlDeviceGetEnforcedPowerLimit");
    find(clock, "nvmlDeviceGetClockInfo");
    find(max_clock, "nvmlDeviceGetMaxClockInfo");
    find(encoder, "nvmlDeviceGetEncoderUtilization");
    find(decoder, "nvmlDeviceGetDecoderUtilization");
    find(throttle, "nvmlDeviceGetCurrentClocksThrottleReasons");
  }
  // A figure of a function that may be missing in old drivers, or not be supported by the device.
  static std::optional<double> figure(int (*function)(void*, unsigned*), void* device) {
    unsigned value = 0;
    if (!function || function(device, &value) != kSuccess) return {};
    return value;
  }
  static std::optional<double> figure(int (*function)(void*, int, unsigned*), void* device, int which) {
    unsigned value = 0;
    if (!function || function(device, which, &value) != kSuccess) return {};
    return value;
  }
  static std::optional<double> sampled(int (*function)(void*, unsigned*, unsigned*), void* device) {
    unsigned value = 0, period = 0;
    if (!function || function(device, &value, &period) != kSuccess) return {};
    return value;
  }
};

Nvml::Nvml(std::unique_ptr<Functions> functions) : functions_(std::move(functions)) {}

Nvml::~Nvml() {
  if (functions_->shutdown) functions_->shutdown();
  dlclose(functions_->library);
}

std::unique_ptr<Nvml> Nvml::open() {
  const char* const named = std::getenv("SINTER_NVML");
  void* const library = dlopen(named && *named ? named : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return nullptr;
  auto functions = std::make_unique<Functions>();
  functions->library = library;
  functions->find_all();
  if (!functions->init || !functions->count || !functions->handle || functions->init() != kSuccess) {
    dlclose(library);
    return nullptr;
  }
  auto nvml = std::unique_ptr<Nvml>(new Nvml(std::move(functions)));
  unsigned count = 0;
  if (nvml->functions_->count(&count) != kSuccess) return nullptr;
  for (unsigned i = 0; i < count && i < kMostDevices; ++i) {
    void* device = nullptr;
    if (nvml->functions_->handle(i, &device) == kSuccess) nvml->devices_.push_back(device);
  }
  return nvml->devices_.empty() ? nullptr : std::move(nvml);
}

std::vector<GpuReading> Nvml::read() const {
  const Functions& f = *functions_;
  std::vector<GpuReading> readings;
  for (void* device : devices_) {
    GpuReading gpu;
    char name[96] = {};
    if (f.name && f.name(device, name, sizeof(name) - 1) == kSuccess) gpu.name = name;
    Utilization load{};
    if (f.utilization && f.utilization(device, &load) == kSuccess) {
      gpu.load_pct = load.gpu;
      gpu.memory_load_pct = load.memory;
    }
    Memory memory{};
    if (f.memory && f.memory(device, &memory) == kSuccess) {
      gpu.memory_used_mb = megabytes(memory.used);
      gpu.memory_total_mb = megabytes(memory.total);
    }
    unsigned long long reasons = 0;
    if (f.throttle && f.throttle(device, &reasons) == kSuccess) gpu.throttle_reasons = reasons;
    gpu.celsius = Functions::figure(f.temperature, device, kGpuSensor);
    gpu.slowdown_celsius = Functions::figure(f.threshold, device, kSlowdownThreshold);
    gpu.mw = Functions::figure(f.power, device);
    gpu.limit_mw = Functions::figure(f.power_limit, device);
    gpu.mhz = Functions::figure(f.clock, device, kGraphicsClock);
    gpu.memory_mhz = Functions::figure(f.clock, device, kMemoryClock);
    gpu.video_mhz = Functions::figure(f.clock, device, kVideoClock);
    gpu.max_mhz = Functions::figure(f.max_clock, device, kGraphicsClock);
    gpu.max_memory_mhz = Functions::figure(f.max_clock, device, kMemoryClock);
    gpu.encoder_pct = Functions::sampled(f.encoder, device);
    gpu.decoder_pct = Functions::sampled(f.decoder, device);
    readings.push_back(std::move(gpu));
  }
  return readings;
}

std::string throttle_text(uint64_t reasons) {
  static constexpr struct {
    uint64_t bit;
    const char* text;
  } kReasons[] = {{0x4, "power cap"}, {0x8, "hardware slowdown"}, {0x20, "thermal slowdown"}, {0x40, "hardware thermal slowdown"}, {0x80, "hardware power brake"}};
  std::string text;
  for (const auto& [bit, name] : kReasons) {
    if (reasons & bit) text += (text.empty() ? "" : ", ") + std::string(name);
  }
  return text;
}

}  // namespace sinter::tool::monitor
