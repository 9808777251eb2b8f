// What tests may ask of the mock driver besides CUDA's own calls; look the functions up with dlsym.
#pragma once

#include <cstddef>

extern "C" {
// The `after`-th next call of the entry point (0: the next one) gives this result; once. Name as in CUDA:
// "cuMemAlloc_v2"; with "@1" behind it that of this device alone.
using MockFailFn = void (*)(const char* call, int after, int result);
// Device memory; allocations beyond it fail with CUDA_ERROR_OUT_OF_MEMORY.
using MockMemoryFn = void (*)(size_t bytes);
// Counts since the process began.
struct MockCounts {
  long long allocations, live_allocations, live_bytes, launches, graph_launches, captures, live_graphs, live_streams,
      live_events, live_modules, host_to_device, device_to_host, waits,
      damaged,                               // damaged: allocations written out of bounds
      device_to_device, links, most_shared;  // links: PTX compiled; most_shared: dynamic bytes of a launch
};
using MockCountsFn = void (*)(MockCounts* counts);
// Puts work on a stream, for mocks of other libraries; `drop` frees `data` when nobody will ask for it any more.
using MockSubmitFn = int (*)(void* stream, void (*work)(void*), void* data, void (*drop)(void*));
}
inline constexpr const char* kMockFail = "mock_cuda_fail";
inline constexpr const char* kMockMemory = "mock_cuda_memory";
// Of the mocks of cuBLASLt and cuDNN: the next call of the entry point gives this result; once. Exported by each library.
inline constexpr const char* kMockLibraryFail = "mock_library_fail";
using MockLibraryFailFn = void (*)(const char* call, int result);
inline constexpr const char* kMockCounts = "mock_cuda_counts";
