#include "ort.h"

#include <dlfcn.h>
#include <glob.h>

#include <chrono>
#include <cstdlib>
#include <vector>

namespace sinter::tool {
namespace {

// ONNX Runtime's C interface is a table of functions to which later versions only append: these are the places of those used here.
enum Place : size_t {
  kGetErrorMessage = 2, kCreateEnv = 3, kCreateSession = 7, kRun = 9, kCreateSessionOptions = 10, kSetGraphOptimizationLevel = 23, kSetIntraOpNumThreads = 24,
  kSetInterOpNumThreads = 25, kSessionGetOutputCount = 31, kSessionGetOutputName = 37, kCreateTensorWithData = 49, kAllocatorFree = 76,
  kGetAllocator = 78, kCreateCpuMemoryInfo = 69, kReleaseEnv = 92, kReleaseStatus = 93, kReleaseMemoryInfo = 94, kReleaseSession = 95, kReleaseValue = 96,
  kReleaseSessionOptions = 100
};
constexpr unsigned kApiVersion = 1;   // the first: every function above is in it
constexpr int kErrorsOnly = 3, kAllOptimizations = 99, kArenaAllocator = 1, kDefaultMemory = 0;

struct ApiBase {
  const void* const* (*get_api)(unsigned version);
  const char* (*get_version)();
};

std::vector<std::string> matches(const std::string& pattern) {
  std::vector<std::string> paths;
  glob_t found{};
  if (glob(pattern.c_str(), 0, nullptr, &found) == 0) paths.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  globfree(&found);
  return paths;
}

std::vector<std::string> candidates(const std::string& given) {
  const auto variable = [](const char* name) {
    const char* const value = std::getenv(name);
    return std::string(value ? value : "");
  };
  if (!given.empty()) return {given};
  if (const std::string named = variable("SINTER_ORT_LIBRARY"); !named.empty()) return {named};
  std::vector<std::string> paths = {"libonnxruntime.so.1", "libonnxruntime.so"};
  const auto add = [&](const std::string& pattern) {
    const auto found = matches(pattern);
    paths.insert(paths.end(), found.begin(), found.end());
  };
#if defined(__aarch64__)
  const std::string processor = "arm64";
#else
  const std::string processor = "x64";
#endif
  for (const std::string& base : {variable("SINTER_ORT_DIR"), std::string(".cache/ort"), std::string("."), variable("HOME")}) {
    if (!base.empty()) add(base + "/node_modules/onnxruntime-node/bin/napi-v*/linux/" + processor + "/libonnxruntime.so*");
  }
  for (const std::string& base : {variable("VIRTUAL_ENV"), variable("HOME") + "/.local", std::string("/usr/local"), std::string("/usr")}) {
    if (!base.empty()) add(base + "/lib/python3*/*-packages/onnxruntime/capi/libonnxruntime.so*");
  }
  return paths;
}

}  // namespace

struct OrtPeer::State {
  const void* const* api = nullptr;
  void *env = nullptr, *options = nullptr, *session = nullptr, *memory = nullptr;
  std::vector<void*> inputs;
  std::vector<std::string> input_names, output_names;
  std::vector<const char*> input_pointers, output_pointers;
  std::vector<void*> outputs;

  template <typename... Parameters>
  void* call_raw(Place place, Parameters... parameters) const {
    return reinterpret_cast<void* (*)(Parameters...)>(const_cast<void*>(api[place]))(parameters...);
  }
  // Throws Failure with ONNX Runtime's message.
  template <typename... Parameters>
  void call(Place place, Parameters... parameters) const {
    void* const status = call_raw(place, parameters...);
    if (!status) return;
    const std::string message = reinterpret_cast<const char* (*)(const void*)>(const_cast<void*>(api[kGetErrorMessage]))(status);
    call_raw(kReleaseStatus, status);
    throw Failure{"ONNX Runtime: " + message};
  }
  ~State() {
    if (!api) return;
    const auto release = [&](Place place, void* object) {
      if (object) reinterpret_cast<void (*)(void*)>(const_cast<void*>(api[place]))(object);
    };
    for (void* const output : outputs) release(kReleaseValue, output);
    for (void* const input : inputs) release(kReleaseValue, input);
    release(kReleaseMemoryInfo, memory);
    release(kReleaseSession, session);
    release(kReleaseSessionOptions, options);
    release(kReleaseEnv, env);
  }

  void set_inputs(const Session& model) {
    call(kCreateCpuMemoryInfo, kArenaAllocator, kDefaultMemory, &memory);
    for (size_t i = 0; i < sinter_engine_input_count(model.engine()); ++i) {
      sinter_io_info info;
      require(sinter_engine_input_info(model.engine(), i, &info));
      const sinter_tensor tensor = model.input(i);
      void* value = nullptr;  // element types have ONNX's numbers on both sides
      call(kCreateTensorWithData, static_cast<const void*>(memory), const_cast<void*>(tensor.data), tensor.bytes, tensor.dims, static_cast<size_t>(tensor.rank),
           static_cast<int>(tensor.dtype), &value);
      inputs.push_back(value);
      input_names.emplace_back(info.name);
    }
  }
  void set_outputs() {
    size_t count = 0;
    void* allocator = nullptr;
    call(kSessionGetOutputCount, static_cast<const void*>(session), &count);
    call(kGetAllocator, &allocator);
    for (size_t i = 0; i < count; ++i) {
      char* name = nullptr;
      call(kSessionGetOutputName, static_cast<const void*>(session), i, allocator, &name);
      output_names.emplace_back(name);
      call(kAllocatorFree, allocator, static_cast<void*>(name));
    }
    for (const std::string& name : input_names) input_pointers.push_back(name.c_str());
    for (const std::string& name : output_names) output_pointers.push_back(name.c_str());
    outputs.resize(count);
  }
};

OrtPeer::OrtPeer(const std::string& model, const Session& session, const std::string& library) : state_(std::make_unique<State>()) {
  std::string tried;
  void* handle = nullptr;
  for (const std::string& path : candidates(library)) {
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle && dlsym(handle, "OrtGetApiBase")) {
      library_ = path;
      break;
    }
    tried += (tried.empty() ? "" : ", ") + path;
  }
  if (library_.empty()) {
    throw Failure{"--vs ort: found no ONNX Runtime (tried " + tried + "), expected its library; install it (pip install onnxruntime, npm install onnxruntime-node) or name libonnxruntime.so with --ort-library"};
  }
  const auto base = reinterpret_cast<const ApiBase* (*)()>(dlsym(handle, "OrtGetApiBase"))();
  version_ = base->get_version();
  state_->api = base->get_api(kApiVersion);
  if (!state_->api) throw Failure{"'" + library_ + "': ONNX Runtime " + version_ + " does not offer version 1 of its C interface; take another with --ort-library"};
  const auto start = std::chrono::steady_clock::now();
  const int threads = sinter_context_threads(session.context());
  State& state = *state_;
  state.call(kCreateEnv, kErrorsOnly, "sinter", &state.env);
  state.call(kCreateSessionOptions, &state.options);
  state.call(kSetGraphOptimizationLevel, state.options, kAllOptimizations);
  state.call(kSetIntraOpNumThreads, state.options, threads);
  state.call(kSetInterOpNumThreads, state.options, 1);
  state.call(kCreateSession, static_cast<const void*>(state.env), model.c_str(), static_cast<const void*>(state.options), &state.session);
  load_ms_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  state.set_inputs(session);
  state.set_outputs();
}

OrtPeer::~OrtPeer() = default;

void OrtPeer::run() {
  State& state = *state_;
  for (void*& output : state.outputs) {  // as a caller would: each run makes its outputs
    if (output) reinterpret_cast<void (*)(void*)>(const_cast<void*>(state.api[kReleaseValue]))(output);
    output = nullptr;
  }
  state.call(kRun, state.session, static_cast<const void*>(nullptr), state.input_pointers.data(), static_cast<const void* const*>(state.inputs.data()), state.inputs.size(),
             state.output_pointers.data(), state.output_pointers.size(), state.outputs.data());
}

}  // namespace sinter::tool
