#include "cuda/driver_api.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

namespace sinter::cuda {
namespace {

namespace fs = std::filesystem;

// Folders that match a path with at most one '*' (which stands for a part of one name), sorted, newest version last.
std::vector<std::string> folders_matching(const std::string& pattern) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return {pattern};
  const size_t slash = pattern.rfind('/', star), next = std::min(pattern.find('/', star), pattern.size());
  const std::string prefix = pattern.substr(slash + 1, star - slash - 1), rest = pattern.substr(next);
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(pattern.substr(0, slash), error)) {
    if (entry.path().filename().string().rfind(prefix, 0) == 0) found.push_back(entry.path().string() + rest);
  }
  std::sort(found.begin(), found.end());
  return found;
}

// "site-packages" of the Pythons that are installed or active.
std::vector<std::string> python_folders() {
  std::vector<std::string> roots;
  for (const char* variable : {"VIRTUAL_ENV", "CONDA_PREFIX"}) {
    if (const char* value = std::getenv(variable)) roots.emplace_back(value);
  }
  if (const char* home = std::getenv("HOME")) roots.push_back(std::string(home) + "/.local");
  if (const char* path = std::getenv("PATH")) {
    std::string_view rest = path;
    while (!rest.empty()) {
      const size_t colon = rest.find(':');
      const std::string folder(rest.substr(0, colon));
      std::error_code error;
      if (fs::exists(folder + "/python3", error)) roots.push_back(fs::path(folder).parent_path().string());
      rest = colon == rest.npos ? std::string_view() : rest.substr(colon + 1);
    }
  }
  roots.insert(roots.end(), {"/usr/local", "/usr"});
  std::vector<std::string> found;
  for (const std::string& root : roots) {
    for (const char* packages : {"/site-packages", "/dist-packages"}) {
      for (const std::string& folder : folders_matching(root + "/lib/python*" + packages)) {
        if (std::find(found.begin(), found.end(), folder) == found.end()) found.push_back(folder);
      }
    }
  }
  return found;
}

struct Opened {
  void* library = nullptr;
  std::string path, tried;
};

Opened open_first(const std::vector<std::string>& candidates) {
  Opened opened;
  for (const std::string& path : candidates) {
    opened.library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (opened.library) {
      opened.path = path;
      break;
    }
    // Of a file that is not there the loader repeats the name in a sentence; other reasons are worth reading.
    const char* why = dlerror();
    const bool absent = why && std::string_view(why).find("No such file") != std::string_view::npos;
    if (opened.tried.size() < 400) opened.tried += fmt::format("{}{}", opened.tried.empty() ? " (tried " : ", ", absent || !why ? path.c_str() : why);
  }
  if (!opened.tried.empty()) opened.tried += ")";
  return opened;
}

// The full path where the loader knows it.
std::string real_path(void* symbol, const std::string& fallback) {
  Dl_info info;
  return dladdr(symbol, &info) && info.dli_fname ? info.dli_fname : fallback;
}

Result<DriverApi> open_driver() {
  const char* knob = std::getenv("SINTER_CUDA_DRIVER");
  if (knob && std::string_view(knob) == "none") {
    return make_error(Code::kNotFound, "CUDA driver: hidden by SINTER_CUDA_DRIVER=none; unset it to use a GPU");
  }
  const std::vector<std::string> places =
      knob ? std::vector<std::string>{knob}
           : std::vector<std::string>{"libcuda.so.1", "libcuda.so", "/usr/local/nvidia/lib64/libcuda.so.1", "/usr/lib/wsl/lib/libcuda.so.1",
                                      "/usr/lib/aarch64-linux-gnu/tegra/libcuda.so.1"};
  const Opened opened = open_first(places);
  if (!opened.library) {
    return make_error(Code::kNotFound,
                      "CUDA driver: no libcuda.so.1 could be opened{}; install the NVIDIA driver (525 or newer), in a container pass the GPU "
                      "through (--gpus all), or name the file in SINTER_CUDA_DRIVER",
                      opened.tried);
  }
  DriverApi api;
  std::string missing;
#define X(result, name, symbol, parameters)                                                \
  api.name = reinterpret_cast<result(*) parameters>(dlsym(opened.library, #symbol));        \
  if (!api.name && missing.empty()) missing = #symbol;
  SINTER_CUDA_DRIVER(X)
#undef X
  if (!missing.empty()) {
    return make_error(Code::kUnsupported, "CUDA driver '{}': it has no '{}'; install an NVIDIA driver for CUDA 12 or newer (525 or newer)",
                      opened.path, missing);
  }
#define X(result, name, symbol, parameters) api.name = reinterpret_cast<result(*) parameters>(dlsym(opened.library, #symbol));
  SINTER_CUDA_DRIVER_OPTIONAL(X)
#undef X
  api.path = real_path(reinterpret_cast<void*>(api.Init), opened.path);
  const CUresult result = api.Init(0);
  if (result != kCudaSuccess) {
    const char* name = nullptr;
    api.GetErrorName(result, &name);
    return make_error(Code::kNotFound, "CUDA driver '{}': cuInit failed with {} ({}); check that a GPU is there and that the kernel module "
                      "matches the library (nvidia-smi)", api.path, name ? name : "an unknown error", result);
  }
  api.DriverGetVersion(&api.version);
  return api;
}

Result<NvrtcApi> open_nvrtc() {
  const char* knob = std::getenv("SINTER_NVRTC");
  if (knob && std::string_view(knob) == "none") {
    return make_error(Code::kNotFound, "NVRTC: hidden by SINTER_NVRTC=none; unset it to build for a GPU");
  }
  const Opened opened = open_first(knob ? std::vector<std::string>{knob} : library_candidates("nvrtc"));
  if (!opened.library) {
    return make_error(Code::kNotFound,
                      "NVRTC: no libnvrtc.so could be opened{}; building for a GPU needs it: pip install nvidia-cuda-nvrtc, install the CUDA "
                      "toolkit, or name the file in SINTER_NVRTC (running an engine does not need it)",
                      opened.tried);
  }
  NvrtcApi api;
  std::string missing;
#define X(result, name, symbol, parameters)                                          \
  api.name = reinterpret_cast<result(*) parameters>(dlsym(opened.library, #symbol));  \
  if (!api.name && missing.empty()) missing = #symbol;
  SINTER_CUDA_NVRTC(X)
#undef X
  if (!missing.empty()) {
    return make_error(Code::kUnsupported, "NVRTC '{}': it has no '{}'; install NVRTC of CUDA 12 or newer", opened.path, missing);
  }
  api.path = real_path(reinterpret_cast<void*>(api.Version), opened.path);
  api.Version(&api.major, &api.minor);
  return api;
}

// Uncorrectable memory or link errors, and all that a running kernel can be stopped for.
constexpr std::array kDestroysContext = {214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719};

struct Losses {
  std::atomic<bool> any{false};
  std::mutex mutex;
  std::map<CUcontext, std::string> texts;  // of the first failure
};
Losses& losses() {
  static Losses* const instance = new Losses();
  return *instance;
}

}  // namespace

std::vector<std::string> library_candidates(std::string_view name) {
  const std::string base = fmt::format("lib{}.so", name);
  std::vector<std::string> files = {base};
  for (const char* version : {"13", "12", "9", "8"}) files.push_back(fmt::format("{}.{}", base, version));
  std::vector<std::string> folders;
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* value = std::getenv(variable)) folders.push_back(std::string(value) + "/lib64");
  }
  folders.emplace_back("/usr/local/cuda/lib64");
  std::vector<std::string> toolkits = folders_matching("/usr/local/cuda-*/lib64");
  folders.insert(folders.end(), toolkits.rbegin(), toolkits.rend());
  for (const std::string& packages : python_folders()) {
    for (const std::string& folder : folders_matching(packages + "/nvidia/*/lib")) folders.push_back(folder);
  }
  std::vector<std::string> candidates(files.begin(), files.end());
  std::error_code error;
  for (const std::string& folder : folders) {
    for (const std::string& file : files) {
      if (fs::exists(folder + "/" + file, error)) candidates.push_back(folder + "/" + file);
    }
  }
  return candidates;
}

Result<const DriverApi*> driver() {
  static const Result<DriverApi>* const opened = new Result<DriverApi>(open_driver());  // never destroyed: used at exit
  if (!opened->ok()) return opened->status();
  return &opened->value();
}

Result<const NvrtcApi*> nvrtc() {
  static const Result<NvrtcApi>* const opened = new Result<NvrtcApi>(open_nvrtc());
  if (!opened->ok()) return opened->status();
  return &opened->value();
}

Status check(CUresult result, std::string_view call) {
  if (result == kCudaSuccess) return ok_status();
  const auto api = driver();
  const char *name = nullptr, *text = nullptr;
  if (api.ok()) {
    (*api)->GetErrorName(result, &name);
    (*api)->GetErrorString(result, &text);
  }
  const Code code = result == kCudaErrorOutOfMemory ? Code::kOutOfMemory : Code::kInternal;
  Status status = make_error(code, "{} failed with {} ({}): {}", call, name ? name : "an unknown error", result, text ? text : "no text");
  CUcontext current = nullptr;
  if (api.ok() && std::ranges::find(kDestroysContext, result) != kDestroysContext.end() && (*api)->CtxGetCurrent(&current) == kCudaSuccess && current) {
    const std::lock_guard lock(losses().mutex);
    losses().texts.emplace(current, status.message());
    losses().any = true;
  }
  return status;
}

std::string loss_of(CUcontext context) {
  if (!losses().any) return {};
  const std::lock_guard lock(losses().mutex);
  const auto it = losses().texts.find(context);
  return it == losses().texts.end() ? std::string() : it->second;
}

}  // namespace sinter::cuda
