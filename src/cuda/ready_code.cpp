// Code of an engine on the device that is here: the form that fits, or what is compiled once because none does.
#include <algorithm>
#include <array>
#include <chrono>

#include "cuda/kernel.h"
#include "cuda/kernel_cache.h"
#include "tactic/code.h"
#include "tactic/device.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sinter {
namespace cuda {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Cubins of Jetsons run on Jetsons.
bool runs_on(const CodeForm& form, const Device& device) {
  return !form.target.ptx && form.tegra == device.is_integrated() && cubin_runs_on(form.target.sm, device.spec().sm);
}

// The driver's linker gives the cubin that it makes, which a later load finds in the kernel cache; loading PTX as a
// module would keep it to itself.
Result<Tensor> link_ptx(const DriverApi& api, const Tensor& ptx) {
  std::array<char, 2048> errors{};
  std::array<int, 2> options{kJitErrorLog, kJitErrorLogBytes};
  std::array<void*, 2> values{errors.data(), reinterpret_cast<void*>(errors.size() - 1)};
  CUlinkState state = nullptr;
  SINTER_TRY(check(api.LinkCreate(static_cast<unsigned>(options.size()), options.data(), values.data(), &state),
                   "cuLinkCreate"));
  const std::unique_ptr<CUlinkState, void (*)(CUlinkState*)> guard(
      &state, [](CUlinkState* owned) { (*driver())->LinkDestroy(*owned); });
  void* cubin = nullptr;
  size_t bytes = 0;
  CUresult result = api.LinkAddData(state, kJitInputPtx, const_cast<void*>(ptx.raw()), static_cast<size_t>(ptx.bytes()),
                                    "kernel", 0, nullptr, nullptr);
  if (result == kCudaSuccess) result = api.LinkComplete(state, &cubin, &bytes);
  if (std::ranges::find(kCudaRefusals, result) != std::end(kCudaRefusals)) {
    return make_error(Code::kTargetMismatch, "{}{}{}", check(result, "compiling PTX by the driver").message(),
                      errors[0] ? ": " : "", errors.data());
  }
  SINTER_TRY(check(result, "cuLinkComplete"));
  Tensor made(DType::kU8, {static_cast<int64_t>(bytes)});
  std::copy_n(static_cast<const uint8_t*>(cubin), bytes, made.data<uint8_t>());
  return made;
}

Result<ReadyCode> from_ptx(const CodeForm& form, const Device& device, CodeOrigins& origins) {
  SINTER_ASSIGN(const DriverApi* api, driver());
  const XXH128_hash_t hash = XXH3_128bits(form.bytes.raw(), static_cast<size_t>(form.bytes.bytes()));
  const std::string name =
      fmt::format("ptx-{:016x}{:016x}-{}-{}", hash.high64, hash.low64, device.spec().sm, api->version);
  Tensor cubin = load_cached_kernel(name, Author::kEngine);
  const bool cached = cubin.defined();
  const auto start = Clock::now();
  if (!cached) {
    SINTER_ASSIGN(cubin, link_ptx(*api, form.bytes));
    save_cached_kernel(name, cubin, Author::kEngine);
    origins.compile_ms += ms_since(start);
  }
  const std::array made{CodeForm{{form.target.sm}, false, form.toolkit, std::move(cubin)}};
  ReadyCode ready{bundle_code(made), nullptr};
  SINTER_ASSIGN(ready.loaded, load_module(ready.code));
  ++(cached ? origins.cached : origins.from_ptx);
  return ready;
}

Result<ReadyCode> from_text(const Tactic& tactic, const Problem& problem, const Offer& offer, const Device& device,
                            const std::string& refused, CodeOrigins& origins) {
  const auto start = Clock::now();
  auto code = compile_code(tactic, problem, offer, {device.spec().sm});
  if (!code.ok()) {
    return make_error(Code::kTargetMismatch,
                      "step '{}': no device code of the engine suits {} (sm_{}, driver {}){}{}, and its kernel text "
                      "could not be compiled here: {}; tune it here with 'sinter retune' where NVRTC is",
                      problem.node, device.name(), device.spec().sm, cuda_driver_version(), refused.empty() ? "" : ": ",
                      refused, code.status().message());
  }
  ReadyCode ready{std::move(code).value(), nullptr};
  if (!ready.code.defined())
    return make_error(Code::kInvalidEngine,
                      "step '{}': tactic '{}' has no kernel text; the engine is damaged, build it again", problem.node,
                      tactic.id());
  origins.compile_ms += ms_since(start);
  SINTER_ASSIGN(ready.loaded, load_module(ready.code));
  ++origins.from_text;
  return ready;
}

}  // namespace
}  // namespace cuda

Result<ReadyCode> ready_cuda_code(const Tactic& tactic, const Problem& problem, const Offer& offer, const Tensor& code,
                                  const Device& device, CodeOrigins& origins) {
  std::vector<CodeForm> forms;
  if (is_code_bundle(code)) {
    SINTER_ASSIGN(forms, code_forms(code));
  } else {
    forms.push_back({{problem.device.sm}, device.is_integrated(), 0, code});
  }
  std::string refused;
  for (const CodeForm& form : forms) {
    if (!cuda::runs_on(form, device)) continue;
    constexpr int64_t kLeastBytes = 64;  // of a header: the driver reads on from there
    if (form.bytes.bytes() < kLeastBytes) {
      return make_error(Code::kInvalidEngine, "step '{}': the engine holds no code for it; build the engine again",
                        problem.node);
    }
    auto loaded = cuda::load_module(form.bytes);
    if (loaded.ok()) {
      ++origins.cubins;
      return ReadyCode{form.bytes, std::move(loaded).value()};
    }
    if (!cuda::is_refusal(loaded.status())) return std::move(loaded).status();
    refused = loaded.status().message();
  }
  if (!refused.empty()) origins.refused = refused;
  for (const CodeForm& form : forms) {
    if (!form.target.ptx || form.target.sm > device.spec().sm) continue;
    auto ready = cuda::from_ptx(form, device, origins);
    if (ready.ok() || !cuda::is_refusal(ready.status())) return ready;
    refused = ready.status().message();
    origins.refused = refused;
  }
  return cuda::from_text(tactic, problem, offer, device, refused, origins);
}

std::string cuda_driver_version() {
  const auto api = cuda::driver();
  return api.ok() ? fmt::format("CUDA {}.{}", (*api)->version / 1000, (*api)->version % 1000 / 10) : std::string();
}

int cuda_compiler_number() {
  const auto api = cuda::nvrtc();
  return api.ok() ? (*api)->major * 1000 + (*api)->minor * 10 : 0;
}

std::string cuda_compiler_version() {
  const int number = cuda_compiler_number();
  return number ? fmt::format("NVRTC {}.{}", number / 1000, number % 1000 / 10) : std::string();
}

}  // namespace sinter
