// A management library with two GPUs whose figures are fixed: the second, old one has no encoder and does not tell its power.
#include <cstdio>

namespace {
int gpus[2] = {0, 1};
int index_of(void* device) { return *static_cast<int*>(device); }
constexpr int kNotSupported = 3;
}  // namespace

#pragma GCC visibility push(default)
extern "C" {

struct MockUtilization {
  unsigned gpu, memory;
};
struct MockMemory {
  unsigned long long total, free, used;
};

int nvmlInit_v2() { return 0; }
int nvmlShutdown() { return 0; }
int nvmlDeviceGetCount_v2(unsigned* count) { return *count = 2, 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) { return *device = &gpus[index], 0; }
int nvmlDeviceGetName(void* device, char* name, unsigned size) { return std::snprintf(name, size, "Mock GPU %d", index_of(device)), 0; }
int nvmlDeviceGetUtilizationRates(void* device, MockUtilization* load) { return *load = {76u - 70u * static_cast<unsigned>(index_of(device)), 31}, 0; }
int nvmlDeviceGetMemoryInfo(void*, MockMemory* memory) { return *memory = {8192ull << 20, 7168ull << 20, 1024ull << 20}, 0; }
int nvmlDeviceGetTemperature(void*, int, unsigned* celsius) { return *celsius = 61, 0; }
int nvmlDeviceGetTemperatureThreshold(void*, int, unsigned* celsius) { return *celsius = 90, 0; }
int nvmlDeviceGetPowerUsage(void* device, unsigned* mw) { return index_of(device) == 1 ? kNotSupported : (*mw = 125500, 0); }
int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* mw) { return index_of(device) == 1 ? kNotSupported : (*mw = 250000, 0); }
int nvmlDeviceGetClockInfo(void*, int type, unsigned* mhz) { return *mhz = type == 0 ? 1410 : type == 2 ? 2619 : 1290, 0; }
int nvmlDeviceGetMaxClockInfo(void*, int type, unsigned* mhz) { return *mhz = type == 0 ? 1980 : 2619, 0; }
int nvmlDeviceGetEncoderUtilization(void* device, unsigned* load, unsigned* period) { return index_of(device) == 1 ? kNotSupported : (*load = 12, *period = 1000, 0); }
int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* reasons) { return *reasons = index_of(device) == 0 ? 0x24 : 0, 0; }

}  // extern "C"
#pragma GCC visibility pop
