// CUDA's driver and NVRTC without their headers or libraries at build time (design decision 10): one table of entry points each, opened at
// run time. Declarations and enum values are ours, from the public documentation of the API; those of CUDA 12 and 13 agree in all that is used here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sinter::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;
using CUlinkState = struct CUlinkState_st*;
using nvrtcProgram = struct _nvrtcProgram*;

// Results that are treated apart.
constexpr CUresult kCudaSuccess = 0, kCudaErrorOutOfMemory = 2, kCudaErrorNoDevice = 100, kCudaErrorInvalidDevice = 101;
// Ways of a driver to say that code is not for it: an invalid image, no code for this GPU, PTX that is invalid or too new, no compiler, compiling forbidden.
constexpr CUresult kCudaRefusals[] = {200, 209, 218, 221, 222, 223};
// CUdevice_attribute.
constexpr int kAttrClockRate = 13, kAttrMultiprocessors = 16, kAttrIntegrated = 18, kAttrL2Bytes = 38, kAttrMajor = 75, kAttrMinor = 76,
              kAttrSharedOptin = 97;
// CUfunction_attribute.
constexpr int kFuncSharedBytes = 1, kFuncLocalBytes = 3, kFuncRegisters = 4, kFuncMaxDynamicShared = 8;
// CUstream_flags, CUevent_flags, CUstreamCaptureMode, CUpointer_attribute, CUmemorytype.
constexpr unsigned kStreamNonBlocking = 1, kEventDefault = 0, kEventDisableTiming = 2;
constexpr int kCaptureThreadLocal = 1, kPointerMemoryType = 2, kMemoryTypeHost = 1, kMemoryTypeDevice = 2;
// CUjit_option, CUjitInputType; flags of cuMemHostAlloc.
constexpr int kJitErrorLog = 5, kJitErrorLogBytes = 6, kJitInputPtx = 1;
constexpr unsigned kHostAllocMapped = 2;
// CUlaunchAttributeID.
constexpr int kLaunchClusterDimension = 4, kLaunchProgrammaticSerialization = 6;

// CUlaunchAttribute: an id, padding, a union of 64 bytes.
struct LaunchAttribute {
  int id = 0;
  char padding[4] = {};
  union {
    char bytes[64];
    struct {
      unsigned x, y, z;
    } cluster;
    int value;
  };
  LaunchAttribute() : bytes{} {}
};
// CUlaunchConfig.
struct LaunchConfig {
  unsigned grid_x = 1, grid_y = 1, grid_z = 1, block_x = 1, block_y = 1, block_z = 1, shared_bytes = 0;
  CUstream stream = nullptr;
  LaunchAttribute* attributes = nullptr;
  unsigned attribute_count = 0;
};

// X(result type, name in this table, symbol, parameters). The _v2 names are those whose meaning has been fixed since CUDA 3.2 or 4.0.
#define SINTER_CUDA_DRIVER(X)                                                                                          \
  X(CUresult, Init, cuInit, (unsigned flags))                                                                          \
  X(CUresult, DriverGetVersion, cuDriverGetVersion, (int* version))                                                    \
  X(CUresult, GetErrorName, cuGetErrorName, (CUresult result, const char** name))                                      \
  X(CUresult, GetErrorString, cuGetErrorString, (CUresult result, const char** text))                                  \
  X(CUresult, DeviceGetCount, cuDeviceGetCount, (int* count))                                                          \
  X(CUresult, DeviceGet, cuDeviceGet, (CUdevice * device, int ordinal))                                                \
  X(CUresult, DeviceGetName, cuDeviceGetName, (char* name, int length, CUdevice device))                               \
  X(CUresult, DeviceTotalMem, cuDeviceTotalMem_v2, (size_t* bytes, CUdevice device))                                   \
  X(CUresult, DeviceGetAttribute, cuDeviceGetAttribute, (int* value, int attribute, CUdevice device))                  \
  X(CUresult, DevicePrimaryCtxRetain, cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                \
  X(CUresult, CtxGetCurrent, cuCtxGetCurrent, (CUcontext * context))                                                   \
  X(CUresult, CtxGetDevice, cuCtxGetDevice, (CUdevice * device))                                                       \
  X(CUresult, CtxPushCurrent, cuCtxPushCurrent_v2, (CUcontext context))                                                \
  X(CUresult, CtxPopCurrent, cuCtxPopCurrent_v2, (CUcontext * context))                                                \
  X(CUresult, MemAlloc, cuMemAlloc_v2, (CUdeviceptr * pointer, size_t bytes))                                          \
  X(CUresult, MemFree, cuMemFree_v2, (CUdeviceptr pointer))                                                            \
  X(CUresult, MemGetInfo, cuMemGetInfo_v2, (size_t* free, size_t* total))                                              \
  X(CUresult, MemHostAlloc, cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                            \
  X(CUresult, MemHostGetDevicePointer, cuMemHostGetDevicePointer_v2, (CUdeviceptr * pointer, void* host, unsigned flags)) \
  X(CUresult, MemFreeHost, cuMemFreeHost, (void* pointer))                                                             \
  X(CUresult, MemcpyHtoDAsync, cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, size_t bytes, CUstream s))     \
  X(CUresult, MemcpyDtoHAsync, cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, size_t bytes, CUstream s))           \
  X(CUresult, MemcpyDtoDAsync, cuMemcpyDtoDAsync_v2, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream s))     \
  X(CUresult, MemsetD8Async, cuMemsetD8Async, (CUdeviceptr to, unsigned char value, size_t bytes, CUstream s))         \
  X(CUresult, PointerGetAttribute, cuPointerGetAttribute, (void* data, int attribute, CUdeviceptr pointer))            \
  X(CUresult, StreamCreate, cuStreamCreate, (CUstream * stream, unsigned flags))                                       \
  X(CUresult, StreamDestroy, cuStreamDestroy_v2, (CUstream stream))                                                    \
  X(CUresult, StreamSynchronize, cuStreamSynchronize, (CUstream stream))                                               \
  X(CUresult, StreamWaitEvent, cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                    \
  X(CUresult, EventCreate, cuEventCreate, (CUevent * event, unsigned flags))                                           \
  X(CUresult, EventDestroy, cuEventDestroy_v2, (CUevent event))                                                        \
  X(CUresult, EventRecord, cuEventRecord, (CUevent event, CUstream stream))                                            \
  X(CUresult, EventSynchronize, cuEventSynchronize, (CUevent event))                                                   \
  X(CUresult, EventElapsedTime, cuEventElapsedTime, (float* milliseconds, CUevent begin, CUevent end))                 \
  X(CUresult, StreamBeginCapture, cuStreamBeginCapture_v2, (CUstream stream, int mode))                                \
  X(CUresult, StreamEndCapture, cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                \
  X(CUresult, GraphInstantiate, cuGraphInstantiateWithFlags,                                                           \
    (CUgraphExec * executable, CUgraph graph, unsigned long long flags))                                               \
  X(CUresult, GraphLaunch, cuGraphLaunch, (CUgraphExec executable, CUstream stream))                                   \
  X(CUresult, GraphExecDestroy, cuGraphExecDestroy, (CUgraphExec executable))                                          \
  X(CUresult, GraphDestroy, cuGraphDestroy, (CUgraph graph))                                                           \
  X(CUresult, ModuleLoadData, cuModuleLoadData, (CUmodule * module, const void* image))                                \
  X(CUresult, LinkCreate, cuLinkCreate_v2, (unsigned count, int* options, void** values, CUlinkState* state))            \
  X(CUresult, LinkAddData, cuLinkAddData_v2,                                                                           \
    (CUlinkState state, int type, void* data, size_t bytes, const char* name, unsigned count, int* options,            \
     void** values))                                                                                                   \
  X(CUresult, LinkComplete, cuLinkComplete, (CUlinkState state, void** cubin, size_t* bytes))                          \
  X(CUresult, LinkDestroy, cuLinkDestroy, (CUlinkState state))                                                         \
  X(CUresult, ModuleUnload, cuModuleUnload, (CUmodule module))                                                         \
  X(CUresult, ModuleGetFunction, cuModuleGetFunction, (CUfunction * function, CUmodule module, const char* name))      \
  X(CUresult, FuncSetAttribute, cuFuncSetAttribute, (CUfunction function, int attribute, int value))                   \
  X(CUresult, FuncGetAttribute, cuFuncGetAttribute, (int* value, int attribute, CUfunction function))                  \
  X(CUresult, OccupancyMaxActiveBlocks, cuOccupancyMaxActiveBlocksPerMultiprocessor,                                   \
    (int* blocks, CUfunction function, int block_threads, size_t shared_bytes))                                        \
  X(CUresult, LaunchKernel, cuLaunchKernel,                                                                            \
    (CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,       \
     unsigned block_z, unsigned shared_bytes, CUstream stream, void** arguments, void** extra))

// Null where the driver is older (CUDA 11.8, 12.0).
#define SINTER_CUDA_DRIVER_OPTIONAL(X)                                                                                 \
  X(CUresult, LaunchKernelEx, cuLaunchKernelEx,                                                                        \
    (const LaunchConfig* config, CUfunction function, void** arguments, void** extra))                                 \
  X(CUresult, TensorMapEncodeTiled, cuTensorMapEncodeTiled,                                                            \
    (void* map, int dtype, unsigned rank, void* address, const unsigned long long* sizes,                              \
     const unsigned long long* strides, const unsigned* box, const unsigned* element_strides, int interleave,          \
     int swizzle, int l2_promotion, int fill))

#define SINTER_CUDA_NVRTC(X)                                                                                           \
  X(int, Version, nvrtcVersion, (int* major, int* minor))                                                              \
  X(const char*, GetErrorString, nvrtcGetErrorString, (int result))                                                    \
  X(int, CreateProgram, nvrtcCreateProgram,                                                                            \
    (nvrtcProgram * program, const char* text, const char* name, int headers, const char* const* texts,                \
     const char* const* names))                                                                                        \
  X(int, DestroyProgram, nvrtcDestroyProgram, (nvrtcProgram * program))                                                \
  X(int, CompileProgram, nvrtcCompileProgram, (nvrtcProgram program, int count, const char* const* options))           \
  X(int, GetProgramLogSize, nvrtcGetProgramLogSize, (nvrtcProgram program, size_t* bytes))                             \
  X(int, GetProgramLog, nvrtcGetProgramLog, (nvrtcProgram program, char* log))                                         \
  X(int, GetPtxSize, nvrtcGetPTXSize, (nvrtcProgram program, size_t* bytes))                                           \
  X(int, GetPtx, nvrtcGetPTX, (nvrtcProgram program, char* ptx))                                                       \
  X(int, GetCubinSize, nvrtcGetCUBINSize, (nvrtcProgram program, size_t* bytes))                                       \
  X(int, GetCubin, nvrtcGetCUBIN, (nvrtcProgram program, char* cubin))

#define SINTER_CUDA_MEMBER(result, name, symbol, parameters) result(*name) parameters = nullptr;
struct DriverApi {
  SINTER_CUDA_DRIVER(SINTER_CUDA_MEMBER)
  SINTER_CUDA_DRIVER_OPTIONAL(SINTER_CUDA_MEMBER)
  std::string path;  // of the library
  int version = 0;   // 13000: CUDA 13.0
};
struct NvrtcApi {
  SINTER_CUDA_NVRTC(SINTER_CUDA_MEMBER)
  std::string path;
  int major = 0, minor = 0;
};
#undef SINTER_CUDA_MEMBER

// Opened and initialised at the first call; later calls give the same answer. The error says where it was looked for and what to install.
// Knobs: SINTER_CUDA_DRIVER and SINTER_NVRTC name a library file to be used instead of all others; "none" hides it.
Result<const DriverApi*> driver();
Result<const NvrtcApi*> nvrtc();

// The status of a driver call: ok, or an error that names the call, CUDA's name for the failure and its text. Only after driver() was ok.
// Notes failures that destroy the current context (a kernel's fault): CUDA gives them to every later call in it.
Status check(CUresult result, std::string_view call);

// The failure that destroyed a context, as check() saw it; "" while the context lives.
std::string loss_of(CUcontext context);

// Library files to try for `name` ("nvrtc", "cublasLt", "cudnn"), in order: the loader's names, then folders of toolkits and of Python's packages.
std::vector<std::string> library_candidates(std::string_view name);

}  // namespace sinter::cuda
