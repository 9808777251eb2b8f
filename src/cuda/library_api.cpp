#include "cuda/library_api.h"

#include <dlfcn.h>

#include <cstdlib>
#include <map>
#include <mutex>

namespace sinter::cuda {
namespace {

constexpr int64_t kLeastCublasLt = 120000, kLeastCudnn = 90000, kNextCudnn = 100000;

struct Wanted {
  const char *topic, *file, *knob, *package;
};
constexpr Wanted kCublasLt{"cuBLASLt", "cublasLt", "SINTER_CUBLASLT", "nvidia-cublas"};
constexpr Wanted kCudnn{"cuDNN", "cudnn", "SINTER_CUDNN", "nvidia-cudnn-cu13"};

constexpr const char* kInstead = "or build the engine without it (leave it out of --tacticSources)";

// Tries every place with `accept`, which fills a table or says what is wrong with a library.
template <typename Accept>
Status open_library(const Wanted& wanted, Accept&& accept) {
  const char* knob = std::getenv(wanted.knob);
  if (knob && std::string_view(knob) == "none") {
    return make_error(Code::kNotFound, "{}: hidden by {}=none; unset it, {}", wanted.topic, wanted.knob, kInstead);
  }
  std::string tried;
  for (const std::string& path : knob ? std::vector<std::string>{knob} : library_candidates(wanted.file)) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    const char* failure = library ? nullptr : dlerror();
    std::string why = library ? accept(library, path) : std::string(failure ? failure : path);
    if (why.empty()) return ok_status();
    if (library) dlclose(library);
    if (tried.size() < 400) tried += "; " + why;
  }
  return make_error(Code::kNotFound, "{}: no usable library could be opened{}; pip install {}, name the file in {}, {}", wanted.topic, tried,
                    wanted.package, wanted.knob, kInstead);
}

std::string read_table(CublasLtApi& api, void* library, const std::string& path) {
  api = {};
#define X(result, name, symbol, parameters)                                  \
  api.name = reinterpret_cast<result(*) parameters>(dlsym(library, #symbol)); \
  if (!api.name) return fmt::format("'{}' has no '{}'; needs cuBLASLt of CUDA 12 or newer", path, #symbol);
  SINTER_CUBLASLT(X)
#undef X
  api.version = static_cast<int64_t>(api.GetVersion());
  if (api.version < kLeastCublasLt) return fmt::format("'{}' is version {}; needs cuBLASLt of CUDA 12 or newer", path, api.version);
  api.path = path;
  return "";
}

std::string read_table(CudnnApi& api, void* library, const std::string& path) {
  api = {};
#define X(result, name, symbol, parameters)                                  \
  api.name = reinterpret_cast<result(*) parameters>(dlsym(library, #symbol)); \
  if (!api.name) return fmt::format("'{}' has no '{}'; needs cuDNN 9", path, #symbol);
  SINTER_CUDNN(X)
#undef X
  api.version = static_cast<int64_t>(api.GetVersion());
  if (api.version < kLeastCudnn || api.version >= kNextCudnn) return fmt::format("'{}' is version {}; needs cuDNN 9", path, api.version);
  api.path = path;
  return "";
}

Result<CublasLtApi> open_cublaslt() {
  CublasLtApi api;
  SINTER_TRY(open_library(kCublasLt, [&](void* library, const std::string& path) { return read_table(api, library, path); }));
  return api;
}

Result<CudnnApi> open_cudnn() {
  // cuDNN opens NVRTC and cuBLASLt by their bare names: those that are loaded already are found.
  (void)nvrtc();
  (void)cublaslt();
  CudnnApi api;
  SINTER_TRY(open_library(kCudnn, [&](void* library, const std::string& path) { return read_table(api, library, path); }));
  return api;
}

// One handle a context of the driver.
template <typename Handle>
struct Handles {
  std::mutex mutex;
  std::map<CUcontext, Handle> made;

  template <typename Create>
  Result<Handle> get(Create&& create) {
    SINTER_ASSIGN(const DriverApi* api, driver());
    CUcontext context = nullptr;
    SINTER_TRY(check(api->CtxGetCurrent(&context), "cuCtxGetCurrent"));
    const std::lock_guard lock(mutex);
    const auto found = made.find(context);
    if (found != made.end()) return found->second;
    Handle handle = nullptr;
    SINTER_TRY(create(&handle));
    made.emplace(context, handle);
    return handle;
  }
};

}  // namespace

Result<const CublasLtApi*> cublaslt() {
  static const Result<CublasLtApi>* const opened = new Result<CublasLtApi>(open_cublaslt());  // never destroyed: used at exit
  if (!opened->ok()) return opened->status();
  return &opened->value();
}

Result<const CudnnApi*> cudnn() {
  static const Result<CudnnApi>* const opened = new Result<CudnnApi>(open_cudnn());
  if (!opened->ok()) return opened->status();
  return &opened->value();
}

Status check_cublaslt(int result, std::string_view call) {
  if (result == 0) return ok_status();
  constexpr int kOutOfMemory = 3;
  return make_error(result == kOutOfMemory ? Code::kOutOfMemory : Code::kInternal, "cuBLASLt: {} failed with status {}; build the engine without it if that stays so", call, result);
}

Status check_cudnn(int result, std::string_view call) {
  if (result == 0) return ok_status();
  const auto api = cudnn();
  const char* text = api.ok() ? (*api)->GetErrorString(result) : nullptr;
  return make_error(Code::kInternal, "cuDNN: {} failed with {} ({}); build the engine without it if that stays so", call, text ? text : "an unknown error", result);
}

Result<LtHandle> cublaslt_handle() {
  static auto* const handles = new Handles<LtHandle>();
  SINTER_ASSIGN(const CublasLtApi* api, cublaslt());
  return handles->get([&](LtHandle* handle) { return check_cublaslt(api->Create(handle), "cublasLtCreate"); });
}

Result<DnnHandle> cudnn_handle() {
  static auto* const handles = new Handles<DnnHandle>();
  SINTER_ASSIGN(const CudnnApi* api, cudnn());
  return handles->get([&](DnnHandle* handle) { return check_cudnn(api->Create(handle), "cudnnCreate"); });
}

Result<Device*> device_like(const DeviceSpec& spec) {
  for (int ordinal = 0;; ++ordinal) {
    SINTER_ASSIGN(Device * device, find_cuda_device(ordinal));
    if (device->spec() == spec) return device;
  }
}

}  // namespace sinter::cuda
