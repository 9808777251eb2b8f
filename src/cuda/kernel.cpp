#include "cuda/kernel.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <future>
#include <map>
#include <mutex>

#include "cuda/kernel_cache.h"
#include "tactic/code.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sinter {
namespace cuda {

// Made by cmake/embed.cmake.
struct KernelText {
  std::string_view file, text;
};
extern const KernelText kKernelTexts[];
extern const size_t kKernelTextCount;

namespace {

// One compilation of equal sources, whoever asks: later callers wait for the first.
struct Memo {
  std::mutex mutex;
  std::map<std::string, std::shared_future<Result<Tensor>>, std::less<>> cubins;
};
Memo& memo() {
  static Memo* const instance = new Memo();
  return *instance;
}

// The architecture whose code this capability runs; from 9.0 on with the instructions of that generation alone ("a").
std::string arch_option(const CodeTarget& target) {
  if (target.ptx) return fmt::format("--gpu-architecture=compute_{}", target.sm);
  return fmt::format("--gpu-architecture=sm_{}{}", target.sm, target.sm >= 90 ? "a" : "");
}

// Takes out the lines that hold `what`.
void drop_lines(std::string& text, std::string_view what) {
  for (size_t at = text.find(what); at != text.npos; at = text.find(what, at)) {
    const size_t before = text.rfind('\n', at), end = text.find('\n', at);
    const size_t begin = before == text.npos ? 0 : before + 1;
    text.erase(begin, end == text.npos ? text.npos : end + 1 - begin);
    at = begin;
  }
}

// PTX says for which version of its language it is written: the compiler's own, whatever it uses. Drivers refuse
// versions newer than they are, so it says the newest that a driver of CUDA 12.2 takes; kernel texts use nothing beyond
// (scripts/check_kernels assembles them so). What NVRTC 13 adds by itself is a hint which bytes of a load are used (PTX 8.3): it goes.
void cap_ptx_version(std::string& ptx) {
  constexpr int kMajor = 8, kMinor = 2;
  constexpr std::string_view kDirective = ".version ", kNewerHint = ".pragma \"used_bytes_mask";
  const size_t at = ptx.find(kDirective);
  int major = 0, minor = 0, used = 0;
  if (at == ptx.npos || std::sscanf(ptx.c_str() + at + kDirective.size(), "%d.%d%n", &major, &minor, &used) != 2)
    return;
  if (std::pair(major, minor) <= std::pair(kMajor, kMinor)) return;
  ptx.replace(at + kDirective.size(), static_cast<size_t>(used), fmt::format("{}.{}", kMajor, kMinor));
  drop_lines(ptx, kNewerHint);
}

Result<Tensor> take_ptx(const NvrtcApi& api, nvrtcProgram program, const std::string& file) {
  size_t bytes = 0;
  int result = api.GetPtxSize(program, &bytes);
  std::string ptx(bytes, '\0');
  if (result == 0) result = api.GetPtx(program, ptx.data());
  if (result != 0 || bytes < 2)
    return make_error(Code::kInternal, "kernel '{}': NVRTC gave no PTX: {}", file, api.GetErrorString(result));
  if (ptx.back() != '\0') ptx.push_back('\0');
  cap_ptx_version(ptx);
  Tensor text(DType::kU8, {static_cast<int64_t>(ptx.size())});
  std::memcpy(text.raw(), ptx.data(), ptx.size());
  return text;
}

// The lines of a compiler's log that say what is wrong.
std::string first_errors(const std::string& log) {
  std::string out;
  size_t begin = 0;
  for (int lines = 0; begin < log.size() && lines < 4;) {
    const size_t end = std::min(log.find('\n', begin), log.size());
    const std::string_view line(log.data() + begin, end - begin);
    if (line.find("error") != line.npos) {
      out += (out.empty() ? "" : "; ") + std::string(line);
      ++lines;
    }
    begin = end + 1;
  }
  return out.empty() ? log.substr(0, 300) : out;
}

Result<Tensor> run_nvrtc(const Source& source, const std::vector<std::string>& options, bool ptx) {
  SINTER_ASSIGN(const NvrtcApi* api, nvrtc());
  std::vector<std::string> names, texts;
  for (size_t i = 0; i < kKernelTextCount; ++i) {
    names.emplace_back(kKernelTexts[i].file);
    texts.emplace_back(kKernelTexts[i].text);
  }
  names.emplace_back("generated.h");
  texts.push_back(source.generated);
  std::vector<const char*> name_pointers, text_pointers, option_pointers;
  for (const std::string& name : names) name_pointers.push_back(name.c_str());
  for (const std::string& text : texts) text_pointers.push_back(text.c_str());
  for (const std::string& option : options) option_pointers.push_back(option.c_str());
  const std::string text(kernel_text(source.file));
  nvrtcProgram program = nullptr;
  int result = api->CreateProgram(&program, text.c_str(), source.file.c_str(), static_cast<int>(names.size()), text_pointers.data(),
                                  name_pointers.data());
  if (result != 0) return make_error(Code::kInternal, "nvrtcCreateProgram('{}') failed: {}", source.file, api->GetErrorString(result));
  const std::unique_ptr<nvrtcProgram, int (*)(nvrtcProgram*)> guard(&program, api->DestroyProgram);
  result = api->CompileProgram(program, static_cast<int>(options.size()), option_pointers.data());
  if (result != 0) {
    size_t bytes = 0;
    api->GetProgramLogSize(program, &bytes);
    std::string log(bytes, '\0');
    if (bytes > 0) api->GetProgramLog(program, log.data());
    return make_error(Code::kInternal, "kernel '{}' ({}): NVRTC {}.{} refused it: {}; report this", source.file, fmt::join(options, " "), api->major,
                      api->minor, first_errors(log));
  }
  if (ptx) return take_ptx(*api, program, source.file);
  size_t bytes = 0;
  result = api->GetCubinSize(program, &bytes);
  Tensor cubin(DType::kU8, {static_cast<int64_t>(bytes)});
  if (result == 0) result = api->GetCubin(program, cubin.data<char>());
  if (result != 0 || bytes == 0) {
    return make_error(Code::kInternal, "kernel '{}': NVRTC gave no cubin: {}", source.file, api->GetErrorString(result));
  }
  return cubin;
}

// By this user's cache of compiled kernels, which spares a later process the compiler.
Result<Tensor> compile_or_load(const Source& source, const std::vector<std::string>& options, const std::string& key,
                               bool ptx) {
  SINTER_ASSIGN(const NvrtcApi* api, nvrtc());
  std::string all = fmt::format("{} {}.{}\n{}\n", api->path, api->major, api->minor, key);
  for (size_t i = 0; i < kKernelTextCount; ++i) all += kKernelTexts[i].text;
  const XXH128_hash_t hash = XXH3_128bits(all.data(), all.size());
  const std::string name = fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  if (Tensor cached = load_cached_kernel(name, Author::kSinter); cached.defined()) return cached;
  SINTER_ASSIGN(Tensor cubin, run_nvrtc(source, options, ptx));
  save_cached_kernel(name, cubin, Author::kSinter);
  return cubin;
}

}  // namespace

std::string_view kernel_text(std::string_view file) {
  for (size_t i = 0; i < kKernelTextCount; ++i) {
    if (kKernelTexts[i].file == file) return kKernelTexts[i].text;
  }
  return {};
}

std::vector<std::string_view> kernel_files() {
  std::vector<std::string_view> files;
  for (size_t i = 0; i < kKernelTextCount; ++i) files.push_back(kKernelTexts[i].file);
  return files;
}

Result<Tensor> compile(const Source& source, const CodeTarget& target) {
  if (kernel_text(source.file).empty()) return make_error(Code::kInternal, "kernel file '{}' is not in this library", source.file);
  std::vector<std::string> options = {arch_option(target), "--std=c++17", "-default-device"};
  for (const std::string& define : source.defines) options.push_back("-D" + define);
  const std::string key = fmt::format("{}\n{}\n{}", source.file, fmt::join(options, "\n"), source.generated);
  std::promise<Result<Tensor>> promise;
  {
    std::unique_lock lock(memo().mutex);
    const auto it = memo().cubins.find(key);
    if (it != memo().cubins.end()) {
      const std::shared_future<Result<Tensor>> made = it->second;
      lock.unlock();
      return made.get();
    }
    memo().cubins.emplace(key, promise.get_future().share());
  }
  Result<Tensor> cubin = compile_or_load(source, options, key, target.ptx);
  promise.set_value(cubin);
  return cubin;
}

}  // namespace cuda

bool cuda_code_made_here(const Tensor& code) {
  if (!code.defined()) return false;
  if (is_code_bundle(code)) {
    const auto forms = code_forms(code);
    return forms.ok() && std::all_of(forms->begin(), forms->end(),
                                     [](const CodeForm& form) { return cuda_code_made_here(form.bytes); });
  }
  const auto same = [&](const Tensor& made) {
    return made.defined() && made.bytes() == code.bytes() && std::memcmp(made.raw(), code.raw(), static_cast<size_t>(code.bytes())) == 0;
  };
  {
    const std::lock_guard lock(cuda::memo().mutex);
    for (const auto& [key, made] : cuda::memo().cubins) {
      if (made.wait_for(std::chrono::seconds(0)) == std::future_status::ready && made.get().ok() && same(*made.get())) return true;
    }
  }
  return cuda::is_cached_kernel(code);
}

namespace cuda {

class Module {
 public:
  Module(CUmodule handle, CUcontext context, bool begins_early) : handle_(handle), context_(context), begins_early_(begins_early) {}
  ~Module() {
    const DriverApi* api = *driver();
    if (api->CtxPushCurrent(context_) != kCudaSuccess) return;  // the context is gone, and the module with it
    api->ModuleUnload(handle_);
    CUcontext popped = nullptr;
    api->CtxPopCurrent(&popped);
  }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  CUmodule handle() const { return handle_; }
  bool begins_early() const { return begins_early_; }

 private:
  CUmodule handle_;
  CUcontext context_;
  bool begins_early_;
};

namespace {

struct LoadedModules {
  std::mutex mutex;
  std::map<std::pair<CUcontext, uint64_t>, std::weak_ptr<const Module>> modules;
};
LoadedModules& loaded_modules() {
  static LoadedModules* const instance = new LoadedModules();
  return *instance;
}

// Whether kernels of the current context may begin before the ones before them have ended: from sm_90 on, and in graphs since CUDA 12.3.
bool may_begin_early(const DriverApi& api) {
  CUdevice device = 0;
  int major = 0;
  return api.LaunchKernelEx && api.version >= 12030 && api.CtxGetDevice(&device) == kCudaSuccess &&
         api.DeviceGetAttribute(&major, kAttrMajor, device) == kCudaSuccess && major >= 9;
}

}  // namespace

bool is_refusal(const Status& status) { return status.code() == Code::kTargetMismatch; }

// A bundle of one form says what its cubin was made from, if that is PTX: of a capability that knows no early begin,
// whatever the device.
Result<std::shared_ptr<const Module>> load_module(const Tensor& code) {
  SINTER_ASSIGN(const DriverApi* api, driver());
  Tensor cubin = code;
  bool early = may_begin_early(*api);
  if (is_code_bundle(code)) {
    SINTER_ASSIGN(const std::vector<CodeForm> forms, code_forms(code));
    if (forms.size() != 1)
      return make_error(Code::kInternal, "device code: found {} forms to load, expected one; report this",
                        forms.size());
    cubin = forms[0].bytes;
    early = early && forms[0].target.sm >= 90;
  }
  CUcontext context = nullptr;
  SINTER_TRY(check(api->CtxGetCurrent(&context), "cuCtxGetCurrent"));
  const std::pair key{context, XXH3_64bits(cubin.raw(), static_cast<size_t>(cubin.bytes()))};
  const std::lock_guard lock(loaded_modules().mutex);
  std::weak_ptr<const Module>& slot = loaded_modules().modules[key];
  if (auto module = slot.lock()) return module;
  CUmodule handle = nullptr;
  const CUresult loaded = api->ModuleLoadData(&handle, cubin.raw());
  Status status = check(loaded, "cuModuleLoadData");
  if (std::ranges::find(kCudaRefusals, loaded) != std::end(kCudaRefusals))
    return Status(Code::kTargetMismatch, status.message());
  SINTER_TRY(std::move(status));
  auto module = std::make_shared<const Module>(handle, context, early);
  slot = module;
  return module;
}

Result<Function> Function::load(const Tensor& cubin, const std::string& name) {
  if (!cubin.defined() || cubin.bytes() < 64) {
    return make_error(Code::kInvalidEngine, "kernel '{}': the engine holds no code for it; build the engine again", name);
  }
  Function function;
  SINTER_ASSIGN(function.module_, load_module(cubin));
  SINTER_TRY(check((*driver())->ModuleGetFunction(&function.handle_, function.module_->handle(), name.c_str()),
                   fmt::format("cuModuleGetFunction('{}')", name)));
  return function;
}

bool Function::begins_early() const { return module_ && module_->begins_early(); }

Status Function::allow_shared(int bytes) const {
  return check((*driver())->FuncSetAttribute(handle_, kFuncMaxDynamicShared, bytes), "cuFuncSetAttribute(dynamic shared memory)");
}

Result<int> Function::resident_blocks(int threads, int shared_bytes) const {
  SINTER_ASSIGN(const DriverApi* api, driver());
  int blocks = 0, processors = 0;
  CUdevice device = 0;
  SINTER_TRY(check(api->OccupancyMaxActiveBlocks(&blocks, handle_, threads, static_cast<size_t>(shared_bytes)), "cuOccupancyMaxActiveBlocksPerMultiprocessor"));
  SINTER_TRY(check(api->CtxGetDevice(&device), "cuCtxGetDevice"));
  SINTER_TRY(check(api->DeviceGetAttribute(&processors, kAttrMultiprocessors, device), "cuDeviceGetAttribute(multiprocessors)"));
  return std::max(blocks * processors, 1);
}

Status launch_raw(const Function& function, const Launch& launch, void** arguments) {
  const auto api = driver();
  if (!api.ok()) return api.status();
  const Grid& grid = launch.grid;
  if (grid.x <= 0 || grid.y <= 0 || grid.z <= 0) return ok_status();  // nothing to do
  if (grid.x > INT32_MAX || grid.y > 65535 || grid.z > 65535) {
    return make_error(Code::kUnsupported, "a launch of {}x{}x{} blocks is more than CUDA takes; use smaller inputs", grid.x, grid.y, grid.z);
  }
  const auto gx = static_cast<unsigned>(grid.x), gy = static_cast<unsigned>(grid.y), gz = static_cast<unsigned>(grid.z);
  const auto threads = static_cast<unsigned>(launch.threads), shared = static_cast<unsigned>(launch.shared_bytes);
  const auto stream = static_cast<CUstream>(launch.stream);
  const bool early = function.begins_early();
  if (launch.cluster_x <= 1 && !early) {
    return check((*api)->LaunchKernel(function.handle(), gx, gy, gz, threads, 1, 1, shared, stream, arguments, nullptr), "cuLaunchKernel");
  }
  if (!(*api)->LaunchKernelEx) return make_error(Code::kUnsupported, "the driver has no cuLaunchKernelEx, which clusters need; update it");
  LaunchAttribute attributes[2];
  unsigned count = 0;
  if (launch.cluster_x > 1) {
    attributes[count].id = kLaunchClusterDimension;
    attributes[count++].cluster = {static_cast<unsigned>(launch.cluster_x), 1, 1};
  }
  if (early) {
    attributes[count].id = kLaunchProgrammaticSerialization;
    attributes[count++].value = 1;
  }
  const LaunchConfig config{gx, gy, gz, threads, 1, 1, shared, stream, attributes, count};
  return check((*api)->LaunchKernelEx(&config, function.handle(), arguments, nullptr), "cuLaunchKernelEx");
}

}  // namespace cuda
}  // namespace sinter
