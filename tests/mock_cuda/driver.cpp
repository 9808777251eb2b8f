// A stand-in for CUDA's driver: a device whose memory is the process's and whose kernels are what the mock NVRTC
// compiled. The environment says what it is: SINTER_MOCK_SM (80), SINTER_MOCK_PROCESSORS (4), SINTER_MOCK_NAME,
// SINTER_MOCK_INTEGRATED (0), SINTER_MOCK_DRIVER (13000: CUDA 13.0), SINTER_MOCK_DEVICES (1), SINTER_MOCK_DELAY_US (0:
// how much longer each kernel takes). Of several devices, numbers may differ: "80,90"; the last one is also that of the
// devices behind it. A fault destroys the context of its device alone. As the real one it takes
// cubins for its capability only, made by toolkits of no later major version, and PTX of no later version than its own.
// Work on a stream waits in a queue until somebody waits for it, so that code which forgets to wait is found: copies
// from pinned memory read late, copies to it write late, as on a GPU. Fresh memory is filled with 0xff (NaN); writes
// out of bounds are counted.
#include <dlfcn.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "mock_cuda/control.h"

#define MOCK_API extern "C" __attribute__((visibility("default")))

namespace {

using Work = std::function<void()>;
constexpr size_t kGuard = 256;

constexpr int kMostDevices = 8;
int kContexts[kMostDevices];  // the address of each is a device's primary context

struct Stream {
  int device = 0;
  std::vector<Work> queue;
  bool capturing = false;
  std::vector<Work> captured;
};
struct Graph {
  std::vector<Work> work;
};
struct Event {
  std::chrono::steady_clock::time_point time;
  Stream* stream = nullptr;
};
struct Module {
  void* library = nullptr;
};
struct Function {
  void (*run)(void**, const unsigned*) = nullptr;
  int* trapped = nullptr;  // a variable of the module that its kernels set when they trap
  std::vector<int> sizes;
  int dynamic_limit = 48 << 10;
};
struct Block {
  size_t bytes = 0;
  bool device = true, mapped = false;
};

struct State {
  std::recursive_mutex mutex;
  std::map<std::string, std::pair<int, int>> failures;  // call → after, result
  std::map<uintptr_t, Block> memory;
  size_t limit = size_t{4} << 30;
  MockCounts counts{};
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::unique_ptr<Function>> functions;
  Stream null_stream;
  int sticky[kMostDevices] = {};  // what destroyed the device's context
  int owed_us = 0;                // of work that was done faster than a device would
};
State& state() {
  static State* const instance = new State();
  return *instance;
}
std::vector<void*>& current() {
  static thread_local std::vector<void*> stack;
  return stack;
}

// Of the thread's current context; those that are no device's primary one are the first device's.
int current_device() {
  if (current().empty()) return 0;
  for (int device = 0; device < kMostDevices; ++device) {
    if (&kContexts[device] == current().back()) return device;
  }
  return 0;
}

// The failure that a test asked for (of any device, or with "@1" of that one), or the sticky one.
int refused(const char* call) {
  State& s = state();
  const int device = current_device();
  if (s.sticky[device]) return s.sticky[device];
  auto it = s.failures.find(call);
  if (it == s.failures.end()) it = s.failures.find(std::string(call) + "@" + std::to_string(device));
  if (it == s.failures.end() || it->second.first-- > 0) return 0;
  const int result = it->second.second;
  s.failures.erase(it);
  if (result >= 700 && result < 720) s.sticky[device] = result;  // as CUDA_ERROR_ILLEGAL_ADDRESS: the context is lost
  return result;
}
#define ENTER(call)                                       \
  const std::lock_guard<std::recursive_mutex> lock_(state().mutex); \
  if (const int refused_ = refused(call)) return refused_;          \
  if (current().empty()) return 201 /* CUDA_ERROR_INVALID_CONTEXT */

Stream& stream_of(void* stream) { return stream ? *static_cast<Stream*>(stream) : state().null_stream; }
void flush(Stream& stream) {
  std::vector<Work> queue;
  queue.swap(stream.queue);
  for (Work& work : queue) {
    if (!state().sticky[stream.device]) work();
  }
}
void flush_all() {
  flush(state().null_stream);
  for (auto& stream : state().streams) flush(*stream);
}
// The stream of the event's last record, unless it was destroyed (and so flushed) since.
void flush_recorded(void* event) {
  Stream* const stream = static_cast<Event*>(event)->stream;
  if (stream == &state().null_stream) flush(*stream);
  for (auto& living : state().streams) {
    if (living.get() == stream) return flush(*stream);
  }
}
int submit(void* handle, Work work) {
  Stream& stream = stream_of(handle);
  if (stream.capturing) stream.captured.push_back(std::move(work));
  else stream.queue.push_back(std::move(work));
  return 0;
}

uint8_t* bytes_at(unsigned long long pointer) { return reinterpret_cast<uint8_t*>(static_cast<uintptr_t>(pointer)); }

const Block* block_of(uintptr_t address) {
  auto it = state().memory.upper_bound(address);
  if (it == state().memory.begin()) return nullptr;
  --it;
  return address < it->first + std::max<size_t>(it->second.bytes, 1) ? &it->second : nullptr;
}
bool in_device(unsigned long long address, size_t bytes) {
  const Block* first = block_of(static_cast<uintptr_t>(address));
  return bytes == 0 ||
         (first && (first->device || first->mapped) && first == block_of(static_cast<uintptr_t>(address) + bytes - 1));
}

int allocate(size_t bytes, bool device, uintptr_t* out) {
  State& s = state();
  if (device && static_cast<size_t>(s.counts.live_bytes) + bytes > s.limit) return 2;
  auto* memory = static_cast<uint8_t*>(std::aligned_alloc(256, (bytes + 255) / 256 * 256 + 2 * kGuard));
  if (!memory) return 2;
  std::memset(memory, 0xa5, kGuard);
  std::memset(memory + kGuard, 0xff, bytes);
  std::memset(memory + kGuard + bytes, 0xa5, kGuard);
  *out = reinterpret_cast<uintptr_t>(memory + kGuard);
  s.memory[*out] = {bytes, device};
  if (device) {
    ++s.counts.allocations;
    ++s.counts.live_allocations;
    s.counts.live_bytes += static_cast<long long>(bytes);
  }
  return 0;
}
int release(uintptr_t address) {
  State& s = state();
  const auto it = s.memory.find(address);
  if (it == s.memory.end()) return 1;
  flush_all();  // cuMemFree waits for the device
  const Block block = it->second;
  auto* memory = reinterpret_cast<uint8_t*>(address) - kGuard;
  for (size_t i = 0; i < kGuard; ++i) {
    if (memory[i] != 0xa5 || memory[kGuard + block.bytes + i] != 0xa5) {
      ++s.counts.damaged;
      break;
    }
  }
  if (block.device) {
    --s.counts.live_allocations;
    s.counts.live_bytes -= static_cast<long long>(block.bytes);
  }
  s.memory.erase(it);
  std::free(memory);
  return 0;
}

// The device's number of a list.
int setting(const char* name, int otherwise, int device = 0) {
  const char* text = std::getenv(name);
  for (; text && device > 0 && std::strchr(text, ','); --device) text = std::strchr(text, ',') + 1;
  return text && *text ? std::atoi(text) : otherwise;
}
int device_count() { return std::min(setting("SINTER_MOCK_DEVICES", 1), kMostDevices); }
int driver_version() { return setting("SINTER_MOCK_DRIVER", 13000); }
int capability(int device) { return setting("SINTER_MOCK_SM", 80, device); }

// What the mock NVRTC makes: a magic, the capability it is for, the toolkit, the bytes of the shared object behind it.
struct Image {
  char magic[8];
  int sm, toolkit;
  unsigned long long bytes;
};

struct Link {
  std::string cubin;
};

// The newest version of PTX that a driver takes, ten times it: 82 for CUDA 12.2, 90 for 13.0.
int newest_ptx(int driver) { return driver >= 13000 ? 90 + driver % 1000 / 10 : 80 + std::min(driver % 1000 / 10, 8); }

}  // namespace

MOCK_API void mock_cuda_fail(const char* call, int after, int result) {
  const std::lock_guard lock(state().mutex);
  if (result == 0)
    std::fill(std::begin(state().sticky), std::end(state().sticky), 0), state().failures.clear();
  else
    state().failures[call] = {after, result};
}
MOCK_API int mock_cuda_submit(void* stream, void (*work)(void*), void* data, void (*drop)(void*)) {
  const std::lock_guard lock(state().mutex);
  return submit(stream, [work, owner = std::shared_ptr<void>(data, drop)] { work(owner.get()); });
}
MOCK_API void mock_cuda_memory(size_t bytes) { state().limit = bytes; }
MOCK_API void mock_cuda_counts(MockCounts* counts) {
  const std::lock_guard lock(state().mutex);
  *counts = state().counts;
}

MOCK_API int cuInit(unsigned) {
  const char* devices = std::getenv("SINTER_MOCK_DEVICES");  // "0": a machine without a GPU
  return devices && std::strcmp(devices, "0") == 0 ? 100 : refused("cuInit");
}
MOCK_API int cuDriverGetVersion(int* version) { return *version = driver_version(), 0; }
MOCK_API int cuGetErrorName(int result, const char** name) {
  static const std::map<int, const char*> names = {{0, "CUDA_SUCCESS"},
                                                   {1, "CUDA_ERROR_INVALID_VALUE"},
                                                   {2, "CUDA_ERROR_OUT_OF_MEMORY"},
                                                   {100, "CUDA_ERROR_NO_DEVICE"},
                                                   {101, "CUDA_ERROR_INVALID_DEVICE"},
                                                   {200, "CUDA_ERROR_INVALID_IMAGE"},
                                                   {201, "CUDA_ERROR_INVALID_CONTEXT"},
                                                   {209, "CUDA_ERROR_NO_BINARY_FOR_GPU"},
                                                   {222, "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"},
                                                   {500, "CUDA_ERROR_NOT_FOUND"},
                                                   {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
                                                   {719, "CUDA_ERROR_LAUNCH_FAILED"},
                                                   {901, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"}};
  const auto it = names.find(result);
  *name = it == names.end() ? "CUDA_ERROR_UNKNOWN" : it->second;
  return 0;
}
MOCK_API int cuGetErrorString(int, const char** text) { return *text = "a failure of the mock driver", 0; }
MOCK_API int cuDeviceGetCount(int* count) { return *count = device_count(), refused("cuDeviceGetCount"); }
MOCK_API int cuDeviceGet(int* device, int ordinal) {
  return *device = ordinal, ordinal >= 0 && ordinal < device_count() ? 0 : 101;
}
MOCK_API int cuDeviceGetName(char* name, int length, int) {
  const char* own = std::getenv("SINTER_MOCK_NAME");
  return std::snprintf(name, static_cast<size_t>(length), "%s", own ? own : "Mock GPU"), 0;
}
MOCK_API int cuDeviceTotalMem_v2(size_t* bytes, int) { return *bytes = state().limit, 0; }
MOCK_API int cuDeviceGetAttribute(int* value, int attribute, int device) {
  const std::map<int, int> values = {{16, setting("SINTER_MOCK_PROCESSORS", 4, device)},
                                     {18, setting("SINTER_MOCK_INTEGRATED", 0)},
                                     {38, 1 << 20},
                                     {75, capability(device) / 10},
                                     {76, capability(device) % 10},
                                     {97, 163 << 10}};
  const auto it = values.find(attribute);
  *value = it == values.end() ? 1 : it->second;
  return 0;
}
MOCK_API int cuDevicePrimaryCtxRetain(void** context, int device) {
  return *context = &kContexts[device], refused("cuDevicePrimaryCtxRetain");
}
MOCK_API int cuCtxCreate_v2(void** context, unsigned, int) { return *context = new char, current().push_back(*context), 0; }
MOCK_API int cuCtxGetCurrent(void** context) { return *context = current().empty() ? nullptr : current().back(), 0; }
MOCK_API int cuCtxGetDevice(int* device) {
  if (current().empty()) return 201;
  return *device = current_device(), 0;
}
MOCK_API int cuCtxPushCurrent_v2(void* context) { return current().push_back(context), 0; }
MOCK_API int cuCtxPopCurrent_v2(void** context) {
  if (current().empty()) return 201;
  *context = current().back();
  current().pop_back();
  return 0;
}

MOCK_API int cuMemAlloc_v2(unsigned long long* pointer, size_t bytes) {
  ENTER("cuMemAlloc_v2");
  uintptr_t address = 0;
  const int result = allocate(bytes, true, &address);
  *pointer = address;
  return result;
}
MOCK_API int cuMemFree_v2(unsigned long long pointer) {
  ENTER("cuMemFree_v2");
  return release(static_cast<uintptr_t>(pointer));
}
MOCK_API int cuMemGetInfo_v2(size_t* free, size_t* total) {
  *total = state().limit;
  *free = state().limit - static_cast<size_t>(state().counts.live_bytes);
  return 0;
}
MOCK_API int cuMemHostAlloc(void** pointer, size_t bytes, unsigned flags) {
  ENTER("cuMemHostAlloc");
  uintptr_t address = 0;
  const int result = allocate(bytes, false, &address);
  *pointer = reinterpret_cast<void*>(address);
  if (result == 0) state().memory[address].mapped = (flags & 2) != 0;
  return result;
}
MOCK_API int cuMemHostGetDevicePointer_v2(unsigned long long* pointer, void* host, unsigned) {
  ENTER("cuMemHostGetDevicePointer_v2");
  const Block* block = block_of(reinterpret_cast<uintptr_t>(host));
  if (!block || !block->mapped) return 1;
  return *pointer = reinterpret_cast<uintptr_t>(host), 0;
}
MOCK_API int cuMemFreeHost(void* pointer) {
  ENTER("cuMemFreeHost");
  return release(reinterpret_cast<uintptr_t>(pointer));
}
MOCK_API int cuPointerGetAttribute(void* data, int attribute, unsigned long long pointer) {
  const std::lock_guard lock(state().mutex);
  const Block* block = block_of(static_cast<uintptr_t>(pointer));
  if (!block || attribute != 2) return 1;
  *static_cast<unsigned*>(data) = block->device ? 2 : 1;
  return 0;
}

MOCK_API int cuMemcpyHtoDAsync_v2(unsigned long long to, const void* from, size_t bytes, void* stream) {
  ENTER("cuMemcpyHtoDAsync_v2");
  if (!in_device(to, bytes)) return 1;
  ++state().counts.host_to_device;
  const bool pinned = block_of(reinterpret_cast<uintptr_t>(from)) != nullptr;
  if (pinned) return submit(stream, [=] { std::memcpy(bytes_at(to), from, bytes); });
  auto staged = std::make_shared<std::vector<uint8_t>>(static_cast<const uint8_t*>(from), static_cast<const uint8_t*>(from) + bytes);
  return submit(stream, [=] { std::memcpy(bytes_at(to), staged->data(), bytes); });
}
MOCK_API int cuMemcpyDtoHAsync_v2(void* to, unsigned long long from, size_t bytes, void* stream) {
  ENTER("cuMemcpyDtoHAsync_v2");
  if (!in_device(from, bytes)) return 1;
  ++state().counts.device_to_host;
  submit(stream, [=] { std::memcpy(to, bytes_at(from), bytes); });
  const bool pinned = block_of(reinterpret_cast<uintptr_t>(to)) != nullptr;
  if (!pinned && !stream_of(stream).capturing) flush(stream_of(stream));
  return 0;
}
MOCK_API int cuMemcpyDtoDAsync_v2(unsigned long long to, unsigned long long from, size_t bytes, void* stream) {
  ENTER("cuMemcpyDtoDAsync_v2");
  if (!in_device(to, bytes) || !in_device(from, bytes)) return 1;
  ++state().counts.device_to_device;
  return submit(stream, [=] { std::memmove(bytes_at(to), bytes_at(from), bytes); });
}
MOCK_API int cuMemsetD8Async(unsigned long long to, unsigned char value, size_t bytes, void* stream) {
  ENTER("cuMemsetD8Async");
  if (!in_device(to, bytes)) return 1;
  return submit(stream, [=] { std::memset(bytes_at(to), value, bytes); });
}

MOCK_API int cuStreamCreate(void** stream, unsigned) {
  ENTER("cuStreamCreate");
  state().streams.push_back(std::make_unique<Stream>());
  state().streams.back()->device = current_device();
  *stream = state().streams.back().get();
  ++state().counts.live_streams;
  return 0;
}
MOCK_API int cuStreamDestroy_v2(void* stream) {
  ENTER("cuStreamDestroy_v2");
  flush(stream_of(stream));
  auto& streams = state().streams;
  streams.erase(std::find_if(streams.begin(), streams.end(), [&](const auto& other) { return other.get() == stream; }));
  --state().counts.live_streams;
  return 0;
}
int synchronize(Stream& stream, int& owed_us) {
  ENTER("cuStreamSynchronize");
  if (stream.capturing) return 901;
  ++state().counts.waits;
  state().owed_us = 0;
  flush(stream);
  owed_us = state().owed_us;
  return state().sticky[stream.device];
}
MOCK_API int cuStreamSynchronize(void* handle) {
  int owed_us = 0;
  const int result = synchronize(stream_of(handle), owed_us);
  if (owed_us > 0) std::this_thread::sleep_for(std::chrono::microseconds(owed_us));  // other devices go on
  return result;
}
MOCK_API int cuStreamWaitEvent(void* stream, void* event, unsigned) {
  ENTER("cuStreamWaitEvent");
  (void)stream;
  flush_recorded(event);
  return 0;
}

MOCK_API int cuEventCreate(void** event, unsigned) {
  ENTER("cuEventCreate");
  *event = new Event();
  ++state().counts.live_events;
  return 0;
}
MOCK_API int cuEventDestroy_v2(void* event) {
  ENTER("cuEventDestroy_v2");
  flush_all();
  delete static_cast<Event*>(event);
  --state().counts.live_events;
  return 0;
}
MOCK_API int cuEventRecord(void* event, void* stream) {
  ENTER("cuEventRecord");
  auto* recorded = static_cast<Event*>(event);
  recorded->stream = &stream_of(stream);
  return submit(stream, [=] { recorded->time = std::chrono::steady_clock::now(); });
}
MOCK_API int cuEventSynchronize(void* event) {
  ENTER("cuEventSynchronize");
  flush_recorded(event);
  return 0;
}
MOCK_API int cuEventElapsedTime(float* milliseconds, void* begin, void* end) {
  ENTER("cuEventElapsedTime");
  *milliseconds = std::chrono::duration<float, std::milli>(static_cast<Event*>(end)->time - static_cast<Event*>(begin)->time).count();
  return 0;
}

MOCK_API int cuStreamBeginCapture_v2(void* stream, int) {
  ENTER("cuStreamBeginCapture_v2");
  Stream& s = stream_of(stream);
  if (!stream || s.capturing) return 901;
  s.capturing = true;
  s.captured.clear();
  return 0;
}
MOCK_API int cuStreamEndCapture(void* stream, void** graph) {
  ENTER("cuStreamEndCapture");
  Stream& s = stream_of(stream);
  if (!s.capturing) return 901;
  s.capturing = false;
  ++state().counts.captures;
  *graph = new Graph{std::move(s.captured)};
  return 0;
}
MOCK_API int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  ENTER("cuGraphInstantiateWithFlags");
  *executable = new Graph(*static_cast<Graph*>(graph));
  ++state().counts.live_graphs;
  return 0;
}
MOCK_API int cuGraphLaunch(void* executable, void* stream) {
  ENTER("cuGraphLaunch");
  ++state().counts.graph_launches;
  auto work = static_cast<Graph*>(executable)->work;
  return submit(stream, [work = std::move(work), device = stream_of(stream).device] {
    for (const Work& step : work) {
      if (!state().sticky[device]) step();
    }
  });
}
MOCK_API int cuGraphExecDestroy(void* executable) {
  delete static_cast<Graph*>(executable);
  --state().counts.live_graphs;
  return 0;
}
MOCK_API int cuGraphDestroy(void* graph) { return delete static_cast<Graph*>(graph), 0; }

MOCK_API int cuLinkCreate_v2(unsigned, int*, void**, void** link) {
  ENTER("cuLinkCreate_v2");
  return *link = new Link(), 0;
}
// PTX of the mock NVRTC: two lines of real PTX, maybe a hint of PTX 8.3, then an image that lacks nothing but its target.
constexpr std::string_view kHintOfLoads = "\t.pragma \"used_bytes_mask";
MOCK_API int cuLinkAddData_v2(void* link, int type, void* data, size_t bytes, const char*, unsigned, int*, void**) {
  ENTER("cuLinkAddData_v2");
  const std::string text(static_cast<const char*>(data), bytes);
  int major = 0, minor = 0, sm = 0, used = 0;
  if (type != 1 || std::sscanf(text.c_str(), ".version %d.%d\n.target sm_%d\n%n", &major, &minor, &sm, &used) != 3)
    return 218;
  if (10 * major + minor > newest_ptx(driver_version())) return 222;
  if (sm > capability(current_device())) return 209;
  auto begin = static_cast<size_t>(used);
  if (text.compare(begin, kHintOfLoads.size(), kHintOfLoads) == 0) {
    if (10 * major + minor < 83) return 218;
    begin = text.find('\n', begin) + 1;
  }
  static_cast<Link*>(link)->cubin = text.substr(begin);
  Image header;
  std::memcpy(&header, static_cast<Link*>(link)->cubin.data(), sizeof header);
  header.sm = capability(current_device());
  header.toolkit = driver_version();
  std::memcpy(static_cast<Link*>(link)->cubin.data(), &header, sizeof header);
  ++state().counts.links;
  return 0;
}
MOCK_API int cuLinkComplete(void* link, void** cubin, size_t* bytes) {
  ENTER("cuLinkComplete");
  auto& made = static_cast<Link*>(link)->cubin;
  return *cubin = made.data(), *bytes = made.size(), 0;
}
MOCK_API int cuLinkDestroy(void* link) { return delete static_cast<Link*>(link), 0; }
MOCK_API int cuModuleLoadData(void** module, const void* image) {
  ENTER("cuModuleLoadData");
  Image header;
  std::memcpy(&header, image, sizeof header);
  if (std::memcmp(header.magic, "SINTERMO", 8) != 0) return 200;
  const int here = capability(current_device());
  const bool family = header.sm < 90 && header.sm / 10 == here / 10 && header.sm < here;
  if (header.sm != here && !family) return 209;
  if (header.toolkit / 1000 > driver_version() / 1000) return 200;
  const char* bytes = static_cast<const char*>(image);
  const unsigned long long size = header.bytes;
  // The loader keeps files apart by their inode, so each load has its own file.
  static int number = 0;
  const auto path = std::filesystem::temp_directory_path() / ("sinter_mock_module_" + std::to_string(getpid()) + "_" + std::to_string(number++) + ".so");
  std::ofstream(path, std::ios::binary).write(bytes + sizeof header, static_cast<std::streamsize>(size));
  auto made = std::make_unique<Module>();
  made->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  std::error_code error;
  std::filesystem::remove(path, error);
  if (!made->library) return 200;
  *module = made.release();
  ++state().counts.live_modules;
  return 0;
}
MOCK_API int cuModuleUnload(void* module) {
  ENTER("cuModuleUnload");
  flush_all();
  delete static_cast<Module*>(module);  // the code stays mapped: functions of it may be in graphs
  --state().counts.live_modules;
  return 0;
}
MOCK_API int cuModuleGetFunction(void** function, void* module, const char* name) {
  ENTER("cuModuleGetFunction");
  auto made = std::make_unique<Function>();
  void* library = static_cast<Module*>(module)->library;
  made->run = reinterpret_cast<void (*)(void**, const unsigned*)>(dlsym(library, name));
  made->trapped = static_cast<int*>(dlsym(library, "mock_trapped"));
  auto sizes = reinterpret_cast<int (*)(int*)>(dlsym(library, (std::string(name) + "_sizes").c_str()));
  if (!made->run || !sizes) return 500;
  made->sizes.resize(64);
  made->sizes.resize(static_cast<size_t>(sizes(made->sizes.data())));
  *function = made.get();
  state().functions.push_back(std::move(made));
  return 0;
}
MOCK_API int cuFuncSetAttribute(void* function, int attribute, int value) {
  ENTER("cuFuncSetAttribute");
  if (attribute == 8 && value > 227 << 10) return 1;
  if (attribute == 8) static_cast<Function*>(function)->dynamic_limit = value;
  return 0;
}
MOCK_API int cuFuncGetAttribute(int* value, int, void*) { return *value = 32, 0; }
MOCK_API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void*, int threads, size_t shared) {
  *blocks = static_cast<int>(std::min<size_t>(static_cast<size_t>(2048 / std::max(threads, 1)), shared ? (227 << 10) / shared : 32));
  return 0;
}
MOCK_API int cuLaunchKernel(void* handle, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void* stream,
                            void** arguments, void**) {
  ENTER("cuLaunchKernel");
  auto* function = static_cast<Function*>(handle);
  if (gx == 0 || gy == 0 || gz == 0 || gy > 65535 || gz > 65535 || bx == 0 || bx > 1024 || by != 1 || bz != 1) return 1;
  if (static_cast<int>(shared) > function->dynamic_limit) return 1;
  ++state().counts.launches;
  state().counts.most_shared = std::max(state().counts.most_shared, static_cast<long long>(shared));
  static const bool runs = !std::getenv("SINTER_MOCK_NO_RUN");  // to build large models for the sake of their plan
  const int device = current_device(), delay_us = setting("SINTER_MOCK_DELAY_US", 0, device);
  if (!runs) return submit(stream, [=] { state().owed_us += delay_us; });
  auto values = std::make_shared<std::vector<std::vector<uint64_t>>>();
  for (size_t i = 0; i < function->sizes.size(); ++i) {
    values->emplace_back(static_cast<size_t>(function->sizes[i] + 15) / 8);
    std::memcpy(values->back().data(), arguments[i], static_cast<size_t>(function->sizes[i]));
  }
  return submit(stream, [=] {
    std::vector<void*> pointers;
    for (auto& value : *values) pointers.push_back(value.data());
    const unsigned geometry[] = {gx, gy, gz, bx, shared};
    function->run(pointers.data(), geometry);
    state().owed_us += delay_us;
    if (function->trapped && std::exchange(*function->trapped, 0)) state().sticky[device] = 719;
  });
}
