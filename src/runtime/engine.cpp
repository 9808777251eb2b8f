#include "runtime/engine.h"

#include <set>

#include "base/cpu_info.h"
#include "base/log.h"
#include "engine/signature.h"
#include "plugin/library.h"
#include "runtime/binding.h"
#include "tactic/code.h"

namespace sinter::runtime {
namespace {

std::optional<Isa> parse_isa(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(kLastIsa); ++i) {
    if (isa_name(static_cast<Isa>(i)) == name) return static_cast<Isa>(i);
  }
  return std::nullopt;
}

std::string_view more_of(const engine::Manifest& manifest, std::string_view key) {
  for (const auto& [name, value] : manifest.more) {
    if (name == key) return value;
  }
  return {};
}

// Cubins run on some other GPUs, PTX on all later ones.
Result<Match> match_device(const engine::EngineFile& file, const Device& device) {
  const plan::Plan& plan = file.plan();
  const int built = plan.device.sm, here = device.spec().sm;
  const bool later = here > built && more_of(file.manifest(), engine::kCompatibilityKey) == engine::kAmperePlus;
  const bool runs = later || cubin_runs_on(built, here);
  if (!runs) {
    return make_error(Code::kTargetMismatch, "engine '{}' was built for {} (sm_{}); device {} is {} (sm_{}): not loaded, file untouched; "
                      "re-tune it here with 'sinter retune {}'", file.name(), plan.device_model, built, device.ordinal(), device.name(), here, file.name());
  }
  const bool same = plan.device_model == device.name() && plan.device.processors == device.spec().processors;
  return same && (later || plan.device == device.spec()) ? Match::kExact : Match::kCompatible;
}

Result<Match> match_target(const engine::EngineFile& file, size_t profile) {
  const plan::Plan& plan = file.plan(profile);
  const CpuInfo& cpu = cpu_info();
  const std::optional<Isa> isa = plan.isa.empty() ? Isa::kBaseline : parse_isa(plan.isa);
  if (!isa || !isa_includes(cpu.isa, *isa)) {
    return make_error(Code::kTargetMismatch, "engine '{}' was built for {} ({}); this machine has {} ({}): not loaded, file "
                      "untouched; re-tune it here with 'sinter retune {}'", file.name(), plan.isa, plan.cpu_model,
                      isa_name(cpu.isa), cpu.model_name, file.name());
  }
  if (plan.on_cuda() && *isa == Isa::kBaseline) return Match::kExact;  // nothing was tuned for the processor
  return *isa == cpu.isa && plan.cpu_model == cpu.model_name ? Match::kExact : Match::kCompatible;
}

// What of a load a user wants to know and sees nowhere else.
void say_what_is_special(const Engine& engine) {
  const std::string& name = engine.file().name();
  const CodeOrigins& origins = engine.code_origins();
  if (origins.from_ptx + origins.from_text > 0) {
    log(Severity::kInfo,
        "engine '{}': {} kernels were compiled from PTX by the driver and {} from their text by NVRTC, in {:.1f} ms; "
        "the kernel cache keeps them{}",
        name, origins.from_ptx, origins.from_text, origins.compile_ms,
        origins.refused.empty() ? "" : fmt::format(" (its cubins were refused: {})", origins.refused));
  }
  if (const std::string unmeasured = engine.unmeasured(); !unmeasured.empty()) {
    log(Severity::kWarning, "engine '{}': {}; tune it here with 'sinter retune {}'", name, unmeasured, name);
  }
}

std::vector<engine::IoInfo> io_infos(const plan::Region& region, const std::vector<int32_t>& values,
                                     const std::vector<engine::IoInfo>& names) {
  std::vector<engine::IoInfo> infos;
  for (size_t i = 0; i < values.size(); ++i) {
    const plan::PlanValue& value = region.values[values[i]];
    const std::string& name = names.size() == values.size() ? names[i].name : value.name;
    infos.push_back({name, value.type, value.onnx_names});
  }
  return infos;
}

int index_of(const std::vector<engine::IoInfo>& infos, std::string_view name) {
  for (size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

// Device code is loaded when this user made it, or somebody trusted signed it.
Status check_trust(const engine::EngineFile& file, const LoadOptions& options) {
  if (options.trust_any || file.in_process()) return ok_status();
  std::set<const void*> seen;
  bool own = true;
  for (size_t p = 0; p < file.profile_count(); ++p) {
    for (const plan::Region& region : file.plan(p).regions) {
      for (const plan::Step& step : region.steps) {
        if (!own || step.code < 0) continue;
        const Tensor& code = file.blobs(p)[static_cast<size_t>(step.code)];
        if (seen.insert(code.raw()).second) own = cuda_code_made_here(code);
      }
    }
  }
  if (own) return ok_status();
  const Status checked = engine::check_signature(file, options.trusted_keys);
  if (checked.ok() || checked.code() != Code::kTargetMismatch) return checked;
  return make_error(Code::kTargetMismatch, "engine '{}': its device code was not made by this user's kernel cache, and {}; expected code of this user or signed with "
                    "a key that is trusted: not loaded, file untouched; make it here with 'sinter retune {}', or trust the signer (--trust KEY.pem) or "
                    "whoever made it (--trust any)", file.name(), checked.message(), file.name());
}

}  // namespace

std::string_view match_name(Match match) { return match == Match::kExact ? "exact" : "compatible"; }

Status match_plugins(const engine::EngineFile& file, bool any_version) {
  for (const engine::PluginInfo& needed : file.manifest().plugins) {
    const plugin::Library* library = plugin::find_library(needed.name);
    if (!library) {
      return make_error(Code::kNotFound, "engine '{}' needs plugin '{}' {} for operator '{}', and it is not loaded; expected the library '{}'; give it with --plugins=PATH/{} "
                        "(in C: sinter_plugin_load, or `plugins` of the load options)", file.name(), needed.name, needed.version,
                        needed.operators.empty() ? "?" : needed.operators[0], needed.file, needed.file);
    }
    if (library->version != needed.version && !any_version) {
      return make_error(Code::kTargetMismatch, "engine '{}' was built with plugin '{}' {}; '{}' is version {}; load the version it was built with, or build the engine again "
                        "('sinter retune {} --plugins={}')", file.name(), needed.name, needed.version, library->path, library->version, file.name(), library->path);
    }
    if (library->hash != needed.hash) {
      log(Severity::kInfo, "engine '{}' was built with another file of plugin '{}' {} than '{}'", file.name(), needed.name, needed.version, library->path);
    }
  }
  return ok_status();
}

// One allocation for all weights that device steps read, but for those that another profile has there.
Status Engine::upload(Opening& opening) {
  const std::vector<Tensor>& blobs = this->blobs();
  std::vector<bool> wanted(blobs.size(), false);
  for (const plan::Region& region : plan().regions) {
    for (const plan::PlanValue& value : region.values) {
      if (value.storage == plan::Storage::kConstant && value.place == plan::Place::kDevice) wanted[static_cast<size_t>(value.index)] = true;
    }
    for (const plan::Step& step : region.steps) {
      for (int32_t blob : step.blobs) wanted[static_cast<size_t>(blob)] = wanted[static_cast<size_t>(blob)] || step.problem.on_cuda();
    }
  }
  std::vector<int64_t> offsets(blobs.size(), 0);
  int64_t bytes = 0;
  device_blobs_.assign(blobs.size(), nullptr);
  for (size_t b = 0; b < blobs.size(); ++b) {
    if (!wanted[b]) continue;
    if (const auto there = opening.uploaded.find(blobs[b].raw());
        there != opening.uploaded.end() && blobs[b].bytes() > 0) {
      device_blobs_[b] = there->second;
      wanted[b] = false;
      continue;
    }
    offsets[b] = bytes;
    bytes += (blobs[b].bytes() + kDeviceAlignment - 1) / kDeviceAlignment * kDeviceAlignment;
  }
  auto made = DeviceBuffer::make(device_, bytes);
  if (!made.ok()) return std::move(made).status().with("while making room for the weights on the device");
  const auto weights = std::make_shared<DeviceBuffer>(std::move(made).value());
  device_weights_.push_back(weights);
  SINTER_ASSIGN(const DeviceStream stream, device_->make_stream());
  Status status;
  for (size_t b = 0; b < blobs.size() && status.ok(); ++b) {
    if (!wanted[b]) continue;
    uint8_t* to = weights->data() + offsets[b];
    device_blobs_[b] = to;
    opening.uploaded.emplace(blobs[b].raw(), to);
    status = device_->copy(to, blobs[b].raw(), blobs[b].bytes(), CopyKind::kHostToDevice, stream);
  }
  if (status.ok()) status = device_->wait(stream);
  device_->release_stream(stream);
  return status;
}

// Steps of equal code share what was made of it.
Result<Tensor> Engine::read_code(const plan::Step& step, const Tactic& tactic, const Tensor& code, Opening& opening) {
  if (!device_) return code;
  const auto there = opening.codes.find(code.raw());
  if (there != opening.codes.end()) return there->second;
  SINTER_ASSIGN(ReadyCode ready, ready_cuda_code(tactic, step.problem, step.offer, code, *device_, opening.origins));
  loaded_code_.push_back(std::move(ready.loaded));
  // A bundle without forms is equal for steps of different texts.
  if (is_code_bundle(code) && code_forms(code)->empty()) return std::move(ready.code);
  opening.codes.emplace(code.raw(), ready.code);
  return std::move(ready.code);
}

Result<std::shared_ptr<Engine>> Engine::open_profile(std::shared_ptr<const engine::EngineFile> file, size_t profile,
                                                     Device* device, const Engine* first, Opening& opening) {
  std::shared_ptr<Engine> engine(new Engine());
  engine->profile_ = profile;
  engine->device_ = device;
  SINTER_ASSIGN(engine->match_, match_target(*file, profile));
  engine->file_ = file;
  if (first) engine->device_weights_ = first->device_weights_;
  if (device) SINTER_TRY(engine->upload(opening));
  const auto read_code = [&](const plan::Step& step, const Tactic& tactic, const Tensor& code) {
    return engine->read_code(step, tactic, code, opening);
  };
  SINTER_ASSIGN(engine->programs_, compile(engine->plan(), engine->blobs(), engine->device_blobs_, read_code));
  const plan::Region& main = engine->plan().regions[0];
  engine->inputs_ = io_infos(main, main.inputs, file->manifest().inputs);
  engine->outputs_ = io_infos(main, main.outputs, file->manifest().outputs);
  return engine;
}

Result<std::shared_ptr<const Engine>> Engine::from_file(std::shared_ptr<const engine::EngineFile> file, const LoadOptions& options) {
  SINTER_TRY(match_target(*file, 0).status());
  SINTER_TRY(match_plugins(*file));
  const auto loading = [&](Status status) { return std::move(status).with(fmt::format("while loading engine '{}'", file->name())); };
  Device* device = nullptr;
  Match on_device = Match::kExact;
  if (file->plan().on_cuda()) {
    auto found = find_device({DeviceKind::kCuda, options.device});
    if (!found.ok()) return loading(std::move(found).status());
    device = *found;
    SINTER_ASSIGN(on_device, match_device(*file, *device));
    SINTER_TRY(check_trust(*file, options));
  }
  const DeviceScope scope(device);
  SINTER_TRY(scope.status());
  std::shared_ptr<Engine> engine;
  Opening opening;
  for (size_t p = 0; p < file->profile_count(); ++p) {
    auto opened = open_profile(file, p, device, engine.get(), opening);
    if (!opened.ok()) {
      Status failure = loading(std::move(opened).status());
      return device ? device->explain(std::move(failure)) : failure;
    }
    (*opened)->match_ = std::max((*opened)->match_, on_device);
    // Weights of a later profile are the first's to count; each keeps what it reads.
    if (p == 0) engine = std::move(*opened);
    else engine->further_.push_back(std::move(*opened));
  }
  // Weights are in the memory that both share: those of the file need not be there a second time.
  if (device && device->is_integrated()) file->drop_pages();
  engine->code_origins_ = std::move(opening.origins);
  if (device) say_what_is_special(*engine);
  return std::shared_ptr<const Engine>(std::move(engine));
}

std::shared_ptr<const Engine> Engine::at_profile(const std::shared_ptr<const Engine>& engine, size_t profile) {
  if (profile == 0) return engine;
  return profile <= engine->further_.size() ? engine->further_[profile - 1] : nullptr;
}

bool Engine::takes(std::span<const Dims> input_dims) const {
  Bindings bindings;
  for (size_t i = 0; i < inputs_.size() && i < input_dims.size(); ++i) {
    const ValueType& type = inputs_[i].type;
    if (type.is_tensor() && type.shape && !bind_shape(*type.shape, input_dims[i], bindings).ok()) return false;
  }
  return check_ranges(plan(), bindings, input_dims).ok();
}

std::string Engine::unmeasured() const { return std::string(more_of(file_->manifest(), engine::kUnmeasuredKey)); }

int64_t Engine::device_weight_bytes() const {
  int64_t bytes = 0;
  if (!device_weights_.empty()) bytes = device_weights_.back()->bytes();
  for (const auto& further : further_) bytes += further->device_weight_bytes();
  return bytes;
}

Result<std::shared_ptr<const Engine>> Engine::load(const std::string& path, const LoadOptions& options) {
  SINTER_ASSIGN(auto file, engine::EngineFile::open(path, options.verify));
  return from_file(std::move(file), options);
}

Result<std::shared_ptr<const Engine>> Engine::from_memory(std::string_view bytes, std::shared_ptr<const void> keep_alive,
                                                          const LoadOptions& options) {
  SINTER_ASSIGN(auto file, engine::EngineFile::from_memory(bytes, std::move(keep_alive), options.verify));
  return from_file(std::move(file), options);
}

Result<std::shared_ptr<const Engine>> Engine::from_contents(engine::EngineContents contents, const LoadOptions& options) {
  SINTER_ASSIGN(auto file, engine::EngineFile::from_contents(std::move(contents)));
  return from_file(std::move(file), options);
}

int Engine::input_index(std::string_view name) const { return index_of(inputs_, name); }
int Engine::output_index(std::string_view name) const { return index_of(outputs_, name); }

namespace {

std::string code_json(const CodeOrigins& origins) {
  return fmt::format(
      "{{\"cubins\": {}, \"cached\": {}, \"from_ptx\": {}, \"from_text\": {}, \"compile_ms\": {:.3f}, \"refused\": "
      "{}}}",
      origins.cubins, origins.cached, origins.from_ptx, origins.from_text, origins.compile_ms,
      engine::json_quote(origins.refused));
}

}  // namespace

std::string Engine::info_json() const {
  size_t kernels = 0, references = 0, controls = 0;
  for (const plan::Region& region : plan().regions) {
    for (const plan::Step& step : region.steps) {
      (step.kind == plan::StepKind::kKernel ? kernels : step.kind == plan::StepKind::kReference ? references : controls)++;
    }
  }
  int64_t weights = 0;
  std::set<const void*> counted;
  for (size_t p = 0; p < profile_count(); ++p) {
    for (const Tensor& blob : file_->blobs(p)) weights += counted.insert(blob.raw()).second ? blob.bytes() : 0;
  }
  return fmt::format(
      "{{\"manifest\": {}, \"device\": \"{}\", \"device_weight_bytes\": {}, \"match\": \"{}\", \"engine_bytes\": {}, "
      "\"weight_bytes\": {}, \"portable\": {}, \"regions\": {}, "
      "\"code\": {}, \"kernel_steps\": {}, \"reference_steps\": {}, \"control_steps\": {}, \"report\": {}}}",
      to_json(file_->manifest()), device_ ? to_string(DeviceId{DeviceKind::kCuda, device_->ordinal()}) : "cpu",
      device_weight_bytes(), match_name(match_), file_->size_bytes(), weights, file_->has_portable(),
      plan().regions.size(), code_json(code_origins_), kernels, references, controls,
      file_->report_json().empty() ? "null" : file_->report_json());
}

}  // namespace sinter::runtime
