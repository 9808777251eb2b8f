#include "capi/request.h"

#include <filesystem>

#include "base/log.h"
#include "plugin/library.h"
#include "tactic/registry.h"

namespace sinter::capi {

std::vector<std::string> split_names(const char* text) {
  std::vector<std::string> names;
  std::string_view rest = text ? text : "";
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    if (comma != 0) names.emplace_back(rest.substr(0, comma));
    rest = comma == rest.npos ? std::string_view() : rest.substr(comma + 1);
  }
  return names;
}

namespace {

Result<builder::Fallback> fallback_of(sinter_fallback fallback, bool on_device) {
  switch (fallback) {
    case SINTER_FALLBACK_REFERENCE: return builder::Fallback::kReference;
    case SINTER_FALLBACK_ERROR: return builder::Fallback::kError;
    case SINTER_FALLBACK_CPU: return builder::Fallback::kCpu;
    case SINTER_FALLBACK_DEFAULT: return on_device ? builder::Fallback::kError : builder::Fallback::kReference;
  }
  return make_error(Code::kInvalidArgument, "build options: fallback is {}; use a sinter_fallback", static_cast<int>(fallback));
}

// Everything that runs what is built is for this machine.
Status set_target(session::BuildRequest& request, const sinter_build_options& options) {
  if (!options.target) return ok_status();
  builder::BuildOptions& build = request.build;
  SINTER_ASSIGN(build.target, builder::find_board(options.target));
  const bool other = options.device && std::string_view(options.device) != "cuda";
  if (other)
    return make_error(Code::kInvalidArgument,
                      "--target {} and --device {}: found both, expected one of them: a target says its device",
                      options.target, options.device);
  if (options.max_drop >= 0 || options.min_cosine >= 0 || options.accuracy_check || options.latency_ms > 0) {
    return make_error(Code::kInvalidArgument,
                      "--target {}: found a target of accuracy or time, which needs runs on the board; build there, or "
                      "give the types of layers",
                      options.target);
  }
  if (options.tactic_sources && *options.tactic_sources) {
    return make_error(
        Code::kInvalidArgument,
        "--target {} and --tacticSources={}: found both, expected one of them: libraries have to be asked on the board",
        options.target, options.tactic_sources);
  }
  build.device = builder::target_device(*build.target);
  build.isa = Isa::kBaseline;
  if (options.threads <= 0) build.threads = build.target->cores;
  if (build.tactic_filter.empty()) build.tactic_filter = {"cpu.", "cuda."};  // modules are of this machine's processor
  request.fastest = false;
  return ok_status();
}

Result<bool> ampere_plus_of(const sinter_build_options& options, const builder::BuildOptions& build) {
  const std::string_view level = options.hardware_compatibility ? options.hardware_compatibility : "none";
  if (level == "none") return false;
  if (level != "ampere+")
    return make_error(Code::kInvalidArgument, "--hardwareCompatibilityLevel: found '{}', expected none or ampere+",
                      level);
  if (!build.device)
    return make_error(
        Code::kInvalidArgument,
        "--hardwareCompatibilityLevel=ampere+ is about GPUs, and the build is for the CPU; add --device cuda");
  // What libraries choose is for the GPU that they ask.
  if (!build.tactic_sources.empty()) {
    return make_error(Code::kInvalidArgument,
                      "--hardwareCompatibilityLevel=ampere+ and --tacticSources=+{}: found both, expected one of them: "
                      "a library's choice holds for one GPU",
                      build.tactic_sources[0]);
  }
  return true;
}

// trtexec's grammar: "+NAME" adds a library, "-NAME" removes it, and a name without a sign is an error.
Result<std::vector<std::string>> tactic_sources_of(const char* text, bool on_device) {
  std::vector<std::string> sources;
  for (const std::string& entry : split_names(text)) {
    const std::string name = entry.substr(1);
    if ((entry[0] != '+' && entry[0] != '-') || (name != "CUBLAS_LT" && name != "CUDNN")) {
      return make_error(Code::kInvalidArgument, "--tacticSources: found '{}', expected +NAME or -NAME with CUBLAS_LT or CUDNN; Sinter's own kernels always take part", entry);
    }
    std::erase(sources, name);
    if (entry[0] == '+') sources.push_back(name);
  }
  if (!sources.empty() && !on_device) {
    return make_error(Code::kInvalidArgument, "--tacticSources: {} works on a GPU only; add --device cuda", sources[0]);
  }
  for (const std::string& source : sources) SINTER_TRY(find_tactic_source(source).with(fmt::format("while looking for --tacticSources=+{}", source)));
  return sources;
}

// The caller's function fills as many tensors as the model has inputs; how many that are is known when the engine is there.
session::SampleSource source_of(sinter_samples_fn next, void* user) {
  return [next, user](size_t inputs) -> Result<std::optional<std::vector<Tensor>>> {
    std::vector<sinter_tensor> given(inputs);
    const int answer = next(user, given.data(), given.size());
    if (answer == 0) return std::optional<std::vector<Tensor>>();
    if (answer != 1) return make_error(Code::kCancelled, "calibration: the function that gives samples ended with {}", answer);
    std::vector<Tensor> tensors;
    for (const sinter_tensor& tensor : given) {
      SINTER_ASSIGN(Tensor value, to_tensor(tensor, false));
      tensors.push_back(value.clone());
    }
    return std::optional<std::vector<Tensor>>(std::move(tensors));
  };
}

Result<builder::Constraints> constraints_of(const sinter_build_options& options) {
  builder::Constraints constraints;
  if (options.precision_constraints) {
    SINTER_ASSIGN(constraints.mode, builder::parse_constraint_mode(options.precision_constraints));
  }
  if (options.layer_precisions) {
    SINTER_ASSIGN(constraints.precisions, builder::parse_constraints(options.layer_precisions, false, "--layerPrecisions"));
  }
  if (options.layer_output_types) {
    SINTER_ASSIGN(constraints.outputs, builder::parse_constraints(options.layer_output_types, true, "--layerOutputTypes"));
  }
  constraints.floats = split_names(options.float_layers);
  if (constraints.mode == builder::ConstraintMode::kNone && !(constraints.precisions.empty() && constraints.outputs.empty())) {
    log(Severity::kWarning, "--layerPrecisions and --layerOutputTypes have no effect without --precisionConstraints=prefer or obey");
  }
  return constraints;
}

int64_t limit_of(uint64_t bytes) { return bytes == 0 || bytes > INT64_MAX ? INT64_MAX : static_cast<int64_t>(bytes); }

// Tactics of a provider compete when its module loads. A module that is there and does not load is said once; one that is not there (bundles have
// none) is for `sinter doctor` to say.
void load_providers() {
  static const bool once = [] {
    const Status status = load_provider("onednn");
    if (!status.ok() && status.code() != Code::kNotFound) log(Severity::kInfo, "oneDNN takes no part in tuning: {}", status.message());
    return true;
  }();
  (void)once;
}

}  // namespace

std::function<Result<bool>(const std::string&)> check_of(int (*check)(void*, const char*), void* user) {
  return [check, user](const std::string& path) -> Result<bool> {
    const int answer = check(user, path.c_str());
    if (answer != 0 && answer != 1) return make_error(Code::kCancelled, "the check of an engine ended with {}, expected 1 or 0", answer);
    return answer == 1;
  };
}

std::string command_of(const session::BuildRequest& request, const sinter_build_options& options) {
  std::string command = "sinter build " + std::filesystem::path(request.model_path).filename().string();
  auto add_text = [&](const char* name, const char* value) {
    if (value) command += fmt::format(" {} {}", name, value);
  };
  auto add_flag = [&](const char* name, bool on) {
    if (on) command += fmt::format(" {}", name);
  };
  command += fmt::format(" --threads {}", request.build.threads);
  const auto add_profile = [&](const sinter_optimization_profile& profile) {
    add_text("--shapes", profile.shapes);
    add_text("--min-shapes", profile.min_shapes);
    add_text("--max-shapes", profile.max_shapes);
  };
  add_profile({options.min_shapes, options.shapes, options.max_shapes});
  for (size_t p = 0; p < options.optimization_profile_count; ++p) {
    command += fmt::format(" --profile {}", p);
    add_profile(options.optimization_profiles[p]);
  }
  add_text("--shapes-to-warm", options.shapes_to_warm);
  add_flag("--dynamic-batch", request.import.dynamic_batch);
  add_flag("--noTF32", !request.build.precision.tf32);
  add_flag("--fp16", request.build.precision.fp16);
  add_flag("--bf16", request.build.precision.bf16);
  add_flag("--int8", request.build.precision.int8);
  add_flag("--fp8", request.fp8);
  add_flag("--stronglyTyped", request.strongly_typed);
  if (options.latency_ms > 0) command += fmt::format(" --latency {}ms", options.latency_ms);
  add_flag("--strict-nans", request.build.precision.strict_nans);
  if (options.workspace_bytes) command += fmt::format(" --workspace {}", options.workspace_bytes);
  add_text("--device", options.device);
  add_flag("--fallback=error", options.fallback == SINTER_FALLBACK_ERROR);
  add_flag("--fallback=cpu", options.fallback == SINTER_FALLBACK_CPU);
  add_text("--target", options.target);
  if (request.build.ampere_plus) add_text("--hardwareCompatibilityLevel", "ampere+");
  add_text("--tactics", options.tactic_filter);
  add_text("--tacticSources", options.tactic_sources);
  add_text("--disable-passes", options.disabled_passes);
  if (options.stop_after_patch >= 0) command += fmt::format(" --stop-after-patch {}", options.stop_after_patch);
  add_flag("--target-only", options.target_only);
  if (request.build.precision.int8) add_text("--calib-algorithm", options.calib_algorithm);
  if (options.max_drop >= 0) command += fmt::format(" --max-drop {}%", 100 * options.max_drop);
  if (options.min_cosine >= 0) command += fmt::format(" --min-cosine {}", options.min_cosine);
  add_text("--float-layers", options.float_layers);
  add_text("--precisionConstraints", options.precision_constraints);
  add_text("--layerPrecisions", options.layer_precisions);
  add_text("--layerOutputTypes", options.layer_output_types);
  return command;
}

// --best, --stronglyTyped and --fp8 against the other flags, as trtexec has them.
Status set_precision(session::BuildRequest& request, const sinter_build_options& options) {
  if (options.strongly_typed && options.best) {
    return make_error(Code::kInvalidArgument, "--best permits precisions, --stronglyTyped forbids all but the model's; leave one of them out");
  }
  if (options.fp8 && (options.int8 || options.best)) {
    return make_error(Code::kInvalidArgument, "--fp8 and {}: found both, expected one of them", options.int8 ? "--int8" : "--best");
  }
  request.build.precision = {options.tf32 != 0, options.fp16 != 0, options.bf16 != 0, options.int8 != 0, options.strict_nans != 0};
  request.fp8 = options.fp8 != 0;
  SINTER_ASSIGN(request.constraints, constraints_of(options));
  Precision& precision = request.build.precision;
  if (options.best) {
    request.int8_where_known = !precision.int8;
    precision.fp16 = precision.bf16 = precision.int8 = true;
  }
  if (!options.strongly_typed) return ok_status();
  request.strongly_typed = true;
  if (precision.fp16 || precision.bf16 || precision.int8 || request.fp8) {
    log(Severity::kWarning, "--stronglyTyped: --fp16, --bf16, --int8 and --fp8 have no effect; types are the model's own");
  }
  if (!request.constraints.empty()) log(Severity::kWarning, "--stronglyTyped: types of single layers have no effect; types are the model's own");
  request.constraints = {};
  request.fp8 = precision.fp16 = precision.bf16 = precision.int8 = false;
  return ok_status();
}

namespace {

Result<session::ProfileShapes> to_profile(const sinter_optimization_profile& given) {
  const auto shapes = [](const char* text) { return session::parse_shapes(text ? text : ""); };
  session::ProfileShapes profile;
  SINTER_ASSIGN(profile.min, shapes(given.min_shapes));
  SINTER_ASSIGN(profile.opt, shapes(given.shapes));
  SINTER_ASSIGN(profile.max, shapes(given.max_shapes));
  return profile;
}

Status set_shapes(session::BuildRequest& request, const sinter_build_options& options) {
  if (options.optimization_profile_count > 0) SINTER_TRY(require(options.optimization_profiles, "the optimization profiles"));
  const bool alone = options.shapes || options.min_shapes || options.max_shapes;
  if (options.optimization_profile_count > 0 && alone) {
    return make_error(Code::kInvalidArgument, "build options: found optimization_profiles beside shapes, min_shapes or max_shapes; leave these out: the profiles say them");
  }
  SINTER_ASSIGN(session::ProfileShapes first, to_profile({options.min_shapes, options.shapes, options.max_shapes}));
  for (size_t p = 0; p < options.optimization_profile_count; ++p) {
    auto parsed = to_profile(options.optimization_profiles[p]);
    if (!parsed.ok()) return std::move(parsed).status().with(fmt::format("in optimization profile {}", p));
    if (parsed->empty()) return make_error(Code::kInvalidArgument, "optimization profile {}: it has no shapes; say min_shapes, shapes and max_shapes", p);
    if (parsed->min.empty() && parsed->max.empty()) parsed->min = parsed->max = parsed->opt;
    if (p == 0) first = std::move(parsed).value();
    else request.further_profiles.push_back(std::move(parsed).value());
  }
  constexpr size_t kMostWarm = 256;
  std::string_view rest = options.shapes_to_warm ? options.shapes_to_warm : "";
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(';'), rest.size());
    SINTER_ASSIGN(session::ShapeMap set, session::parse_shapes(rest.substr(0, end)));
    if (!set.empty()) request.shapes_to_warm.push_back(std::move(set));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (request.shapes_to_warm.size() > kMostWarm) {
    return make_error(Code::kInvalidArgument, "shapes to warm: found {} sets, expected at most {}: each context keeps all of them ready", request.shapes_to_warm.size(), kMostWarm);
  }
  request.min_shapes = std::move(first.min);
  request.shapes = std::move(first.opt);
  request.max_shapes = std::move(first.max);
  return ok_status();
}

}  // namespace

Result<session::BuildRequest> to_request(const char* model_path, const sinter_build_options* given) {
  SINTER_TRY(require(model_path != nullptr, "the model's path"));
  SINTER_ASSIGN(const sinter_build_options options, read_options(given, sinter_build_options_init));
  SINTER_TRY(plugin::load_all(options.plugins));
  load_providers();
  session::BuildRequest request;
  request.model_path = model_path;
  request.import.warn = [](const onnx::Finding& finding) { log(Severity::kWarning, "{}", finding.to_string()); };
  request.import.dynamic_batch = options.dynamic_batch != 0;
  SINTER_TRY(set_shapes(request, options));
  request.passes.disabled = split_names(options.disabled_passes);
  SINTER_TRY(set_precision(request, options));
  request.passes.stop_after_patch = options.stop_after_patch;
  if (options.trace_passes) request.passes.trace = [](std::string_view line) { log(Severity::kTrace, "{}", line); };
  builder::BuildOptions& build = request.build;
  build.threads = options.threads > 0 ? options.threads : cpu_info().usable_cores;
  build.timing_cache = options.timing_cache ? options.timing_cache : "";
  build.workspace_bytes = limit_of(options.workspace_bytes);
  build.max_build_memory_bytes = limit_of(options.max_build_memory_bytes);
  SINTER_ASSIGN(const DeviceId device, parse_device(options.device ? options.device : "cpu"));
  if (device.kind != DeviceKind::kCpu && !options.target) {
    SINTER_ASSIGN(build.device, find_device(device));
  }
  build.tactic_filter = split_names(options.tactic_filter);
  SINTER_TRY(set_target(request, options));
  SINTER_ASSIGN(build.fallback, fallback_of(options.fallback, build.device != nullptr));
  SINTER_ASSIGN(build.tactic_sources, tactic_sources_of(options.tactic_sources, build.device != nullptr));
  SINTER_ASSIGN(build.ampere_plus, ampere_plus_of(options, build));
  if (options.progress) {
    build.progress = [progress = options.progress, user = options.progress_user](const builder::Progress& p) {
      return progress(user, std::string(p.phase).c_str(), p.done, p.total) == 0;
    };
  }
  request.portable = options.target_only == 0;
  request.float_times = !options.target && (options.verbose != 0 || options.report_path != nullptr);
  request.strict = options.strict != 0;
  request.fallback_chosen = options.fallback != SINTER_FALLBACK_DEFAULT;
  request.trusted_keys = trusted_keys_of(options.trust, request.trust_any);
  request.command = options.build_command ? options.build_command : command_of(request, options);
  return request;
}

Result<session::CalibrateOptions> to_calibrate_options(const sinter_build_options* given) {
  SINTER_ASSIGN(const sinter_build_options options, read_options(given, sinter_build_options_init));
  session::CalibrateOptions result;
  const auto text = [](const char* value) { return std::string(value ? value : ""); };
  result.data = text(options.calib_data);
  result.preprocess = text(options.preprocess);
  result.cache = text(options.calib_cache);
  if (options.calib_algorithm) {
    const auto algorithm = quant::parse_algorithm(options.calib_algorithm);
    if (!algorithm) {
      return make_error(Code::kInvalidArgument, "calibration algorithm: found '{}', expected entropy, minmax, percentile or mse", options.calib_algorithm);
    }
    result.ranges.algorithm = *algorithm;
  }
  if (options.calib_percentile != 0) result.ranges.percentile = options.calib_percentile;
  if (options.calib_batch < 0 || options.calib_max_samples < 0) {
    return make_error(Code::kInvalidArgument, "calibration: batch {} and at most {} samples, expected no negative numbers", options.calib_batch, options.calib_max_samples);
  }
  if (options.calib_batch > 0) result.batch = options.calib_batch;
  result.max_samples = options.calib_max_samples;
  result.placeholders = options.int8_placeholders != 0;
  if (options.calib_samples) result.source = source_of(options.calib_samples, options.calib_samples_user);
  if (options.progress) {
    result.progress = [progress = options.progress, user = options.progress_user](int64_t done, int64_t total) {
      return progress(user, "calibrating", done, total) == 0;
    };
  }
  return result;
}

Result<std::optional<session::MixedOptions>> to_mixed_options(const sinter_build_options* given) {
  SINTER_ASSIGN(const sinter_build_options options, read_options(given, sinter_build_options_init));
  if (options.max_drop < 0 && options.min_cosine < 0 && !options.accuracy_check) return std::optional<session::MixedOptions>();
  if (!(options.int8 || options.best || options.latency_ms > 0) || options.strongly_typed) {
    return make_error(Code::kInvalidArgument, "a target of accuracy was given, but int8 is not permitted; add --int8{}", options.strongly_typed ? " instead of --stronglyTyped" : "");
  }
  session::MixedOptions result;
  if (options.max_drop >= 0) result.target.max_drop = options.max_drop;
  if (options.min_cosine >= 0) result.target.min_cosine = options.min_cosine;
  if (options.accuracy_check) result.target.check = check_of(options.accuracy_check, options.accuracy_check_user);
  SINTER_ASSIGN(result.calibrate, to_calibrate_options(given));
  if (options.calib_labels) result.labels = options.calib_labels;
  if (options.progress) {
    result.progress = [progress = options.progress, user = options.progress_user](std::string_view phase, int64_t done, int64_t total) {
      return progress(user, std::string(phase).c_str(), done, total) == 0;
    };
  }
  return std::optional<session::MixedOptions>(std::move(result));
}

Result<std::optional<session::LatencyOptions>> to_latency_options(const sinter_build_options* given, const std::optional<session::MixedOptions>& mixed) {
  SINTER_ASSIGN(const sinter_build_options options, read_options(given, sinter_build_options_init));
  if (!(options.latency_ms > 0)) return std::optional<session::LatencyOptions>();
  if (options.strongly_typed || options.fp8) {
    return make_error(Code::kInvalidArgument, "--latency chooses precisions, {}; leave one of them out", options.fp8 ? "--fp8 sets one" : "--stronglyTyped forbids it");
  }
  session::LatencyOptions result;
  result.most_ms = options.latency_ms;
  if (mixed) {
    result.mixed = *mixed;
  } else {
    SINTER_ASSIGN(result.mixed.calibrate, to_calibrate_options(given));
  }
  return std::optional<session::LatencyOptions>(std::move(result));
}

Result<session::BuildRequest> to_calibrated_request(const char* model_path, const sinter_build_options* options) {
  SINTER_ASSIGN(session::BuildRequest request, to_request(model_path, options));
  SINTER_ASSIGN(const session::CalibrateOptions calibrate, to_calibrate_options(options));
  SINTER_TRY(session::resolve_int8(request, calibrate));
  return request;
}

}  // namespace sinter::capi
