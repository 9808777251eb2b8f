#include "session/session.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/log.h"
#include "base/process_memory.h"
#include "base/version.h"
#include "builder/lower_precision.h"
#include "engine/signature.h"
#include "plugin/library.h"
#include "quant/insert_float8.h"
#include "quant/strip.h"
#include "runtime/engine.h"
#include "session/fastest.h"
#include "tactic/code.h"

namespace sinter::session {
namespace {

// ISO 8601 in UTC when SOURCE_DATE_EPOCH gives the date, else empty: an engine's bytes do not depend on when it was built.
std::string reproducible_date() {
  const char* text = std::getenv("SOURCE_DATE_EPOCH");
  if (!text) return "";
  const std::time_t seconds = static_cast<std::time_t>(std::strtoll(text, nullptr, 10));
  std::tm utc{};
  if (!gmtime_r(&seconds, &utc)) return "";
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return buffer;
}

std::vector<engine::IoInfo> io_of(const std::vector<ir::Value*>& values) {
  std::vector<engine::IoInfo> result;
  for (const ir::Value* value : values) {
    // The IR's name is the model's, unless it had to be made unique. A value that stands for several tensors of the model has
    // the graph output's name, whatever the order of onnx_names.
    const std::vector<std::string>& names = value->onnx_names;
    const bool own = names.empty() || std::find(names.begin(), names.end(), value->name) != names.end();
    result.push_back({own ? value->name : names.front(), value->type, names});
  }
  return result;
}

// fn(step) of every plan.
template <typename Fn>
void for_each_step(const engine::EngineContents& contents, Fn&& fn) {
  const auto visit = [&](const plan::Plan& plan) {
    for (const plan::Region& region : plan.regions) {
      for (const plan::Step& step : region.steps) fn(step);
    }
  };
  visit(contents.plan);
  for (const engine::PlanPart& part : contents.further) visit(part.plan);
}

std::vector<std::string> precisions_of(const engine::EngineContents& contents) {
  std::set<std::string> found;
  for_each_step(contents, [&](const plan::Step& step) {
    for (const TensorDesc& output : step.problem.outputs) {
      if (output.present && is_float(output.dtype)) found.emplace(dtype_name(output.dtype));
    }
    if (step.problem.domain == "sinter" && step.problem.op.rfind("Quantized", 0) == 0) found.emplace("i8");
  });
  return {found.begin(), found.end()};
}

// The request's profiles as ranges of the graph's symbols.
Status resolve_profiles(const ir::Graph& graph, const BuildRequest& request, SymbolRanges& first, std::vector<SymbolRanges>& further) {
  const auto in_profile = [&](Status status, size_t number) {
    return status.ok() || request.further_profiles.empty() ? std::move(status) : std::move(status).with(fmt::format("in optimization profile {}", number));
  };
  auto ranges = ranges_of(graph, {request.min_shapes, request.shapes, request.max_shapes});
  if (!ranges.ok()) return in_profile(std::move(ranges).status(), 0);
  first = std::move(ranges).value();
  for (size_t p = 0; p < request.further_profiles.size(); ++p) {
    ranges = ranges_of(graph, request.further_profiles[p]);
    if (!ranges.ok()) return in_profile(std::move(ranges).status(), p + 1);
    further.push_back(std::move(ranges).value());
  }
  return ok_status();
}

// The plugins that steps of the plan need, in the order of their loading.
std::vector<engine::PluginInfo> plugins_of(const engine::EngineContents& contents) {
  std::map<const plugin::Library*, std::set<std::string>> used;
  for_each_step(contents, [&](const plan::Step& step) {
    const OpDef* op = find_op(step.problem.domain, step.problem.op);
    if (op && op->plugin) used[&op->plugin->library].insert(op->plugin->name);
  });
  std::vector<engine::PluginInfo> infos;
  for (const plugin::Library* library : plugin::loaded()) {
    const auto it = used.find(library);
    if (it != used.end()) infos.push_back({library->name, library->version, library->file, library->hash, {it->second.begin(), it->second.end()}});
  }
  return infos;
}

// "cubin sm_90, PTX compute_80": the forms of the first code that a step has.
std::string describe_code(const engine::EngineContents& contents) {
  for (const plan::Region& region : contents.plan.regions) {
    for (const plan::Step& step : region.steps) {
      if (step.code < 0) continue;
      const Tensor& code = contents.blobs[static_cast<size_t>(step.code)];
      if (!is_code_bundle(code)) return fmt::format("cubin sm_{}", step.problem.device.sm);
      const auto forms = code_forms(code);
      std::string text;
      for (const CodeForm& form : forms.ok() ? *forms : std::vector<CodeForm>()) {
        text += fmt::format("{}{}_{}{}", text.empty() ? "" : ", ", form.target.ptx ? "PTX compute" : "cubin sm",
                            form.target.sm, form.tegra ? " (Tegra)" : "");
      }
      return text.empty() ? "none: compiled from kernel text where it is loaded" : text;
    }
  }
  return "none";
}

// Of an engine for a GPU: what its code is and what made it.
void describe_device(const engine::EngineContents& contents, const BuildRequest& request, engine::Manifest& manifest) {
  if (!request.build.device) return;
  const auto add = [&](std::string_view key, std::string value) {
    if (!value.empty()) manifest.more.emplace_back(key, std::move(value));
  };
  add(engine::kCodeKey, describe_code(contents));
  add(engine::kToolkitKey, cuda_compiler_version());
  if (request.build.device->is_here()) add(engine::kDriverKey, cuda_driver_version());
  if (request.build.target) add(engine::kTargetKey, request.build.target->name);
  if (request.build.ampere_plus) add(engine::kCompatibilityKey, std::string(engine::kAmperePlus));
}

// Plans for further profiles, which share the weights of the first.
Status build_further(const ir::Graph& graph, builder::BuildOptions options, const std::vector<SymbolRanges>& further, BuildOutcome& outcome, engine::Manifest& manifest) {
  BlobSharer sharer;
  sharer.share(outcome.contents.blobs);
  options.find_packings = false;
  for (size_t p = 0; p < further.size(); ++p) {
    options.symbols = further[p];
    auto built = builder::build_plan(graph, options);
    if (!built.ok()) return std::move(built).status().with(fmt::format("in optimization profile {}", p + 1));
    sharer.share(built->blobs);
    if (outcome.timing_cache_saved.ok()) outcome.timing_cache_saved = std::move(built->timing_cache_saved);
    outcome.report.notes.push_back(fmt::format("optimization profile {}: predicted {:.3f} ms", p + 1, built->report.predicted_us / 1000));
    manifest.further_profiles.push_back(built->plan.symbols);
    outcome.contents.further.push_back({std::move(built->plan), std::move(built->blobs)});
  }
  return ok_status();
}

// Plans, names the result and fills in what an engine says of itself.
Result<BuildOutcome> build_graph(const ir::Graph& graph, const passes::PassReport& passes, const BuildRequest& request, const std::vector<SymbolRanges>& further,
                                 engine::Manifest manifest) {
  builder::BuildOptions options = request.build;
  if (!further.empty() && !options.timings) options.timings = std::make_shared<builder::TimingCache>();
  options.find_packings = request.portable;
  SINTER_ASSIGN(builder::BuildResult built, builder::build_plan(graph, options));
  BuildOutcome outcome;
  outcome.report = std::move(built.report);
  outcome.timing_cache_saved = std::move(built.timing_cache_saved);
  for (const auto& [name, times] : passes.fired) outcome.report.passes_fired[name] = times;
  for (const auto& [name, reasons] : passes.declined) outcome.report.passes_declined[name] = reasons;
  outcome.contents.plan = std::move(built.plan);
  outcome.contents.blobs = std::move(built.blobs);
  if (!further.empty()) SINTER_TRY(build_further(graph, options, further, outcome, manifest));
  const plan::Plan& plan = outcome.contents.plan;
  manifest.sinter_version = version();
  manifest.build_command = request.command;
  manifest.date = reproducible_date();
  manifest.device = plan.on_cuda() ? plan.device_model : plan.cpu_model;
  manifest.isa = plan.isa;
  manifest.threads = plan.threads;
  manifest.precisions = precisions_of(outcome.contents);
  manifest.inputs = io_of(graph.inputs);
  manifest.outputs = io_of(graph.outputs);
  manifest.profile = plan.symbols;
  manifest.plugins = plugins_of(outcome.contents);
  describe_device(outcome.contents, request, manifest);
  if (built.estimated_offers > 0) {
    manifest.more.emplace_back(
        engine::kUnmeasuredKey,
        fmt::format("not measured on target '{}': {} of {} times of tactics are estimates", request.build.target->name,
                    built.estimated_offers, built.estimated_offers + outcome.report.cached_offers));
  }
  std::vector<std::vector<plan::SymbolRange>> profiles = manifest.further_profiles;
  profiles.insert(profiles.begin(), manifest.profile);
  for (const ShapeMap& shapes : request.first_profile_only ? std::vector<ShapeMap>() : request.shapes_to_warm) {
    SINTER_ASSIGN(std::vector<Dims> set, warm_set_of(graph, shapes, profiles));
    manifest.shapes_to_warm.push_back(std::move(set));
  }
  bool code = engine::has_code(plan);
  for (const engine::PlanPart& part : outcome.contents.further) code = code || engine::has_code(part.plan);
  if (code) manifest.more.push_back(engine::signature_place());
  outcome.contents.manifest = std::move(manifest);
  outcome.contents.report_json = outcome.report.to_json(/*reproducible=*/true);
  if (request.portable) {
    engine::PortablePart part;
    part.ir_text = ir::print(graph);
    for (auto& [digest, tensor] : ir::collect_blobs(graph)) {
      const auto packed = built.packed_weights.find(digest);
      if (packed != built.packed_weights.end()) part.packed.emplace_back(digest, std::move(packed->second));
      else part.blobs.emplace_back(digest, tensor);
    }
    outcome.contents.portable = std::move(part);
  }
  return outcome;
}

}  // namespace

BuildRequest plain_request(const BuildRequest& request) {
  BuildRequest plain = request;
  Precision& precision = plain.build.precision;
  precision.tf32 = precision.fp16 = precision.bf16 = precision.int8 = false;
  plain.calibration = nullptr;
  plain.constraints = {};
  plain.fp8 = false;
  if (plain.build.target) {  // it has to run here
    plain.build.device = nullptr;
    plain.build.target = nullptr;
    plain.build.ampere_plus = false;
    plain.build.fallback = builder::Fallback::kReference;
  }
  plain.portable = false;
  plain.first_profile_only = true;
  return plain;
}

namespace {

passes::PassOptions pass_options(const BuildRequest& request) {
  passes::PassOptions options = request.passes;
  options.verify_each = false;
  options.stack_products = request.build.device != nullptr;
  return options;
}

// Layers that were asked to be floats take no part in quantization, those that were asked for int8 always do.
quant::InsertOptions insert_options(const Optimised& optimised, const BuildRequest& request) {
  quant::InsertOptions options = request.quantize;
  for (const auto& [node, types] : optimised.layer_types) {
    const builder::LayerType type = types.precision;
    if (type == builder::LayerType::kI8 || (type == builder::LayerType::kF8 && request.fp8)) options.keep.erase(node);
    else if (type != builder::LayerType::kFree && type != builder::LayerType::kI32) options.keep.insert(node);
  }
  return options;
}

// Why layers that were asked for int8, or against it, are not as asked.
void add_reasons(const Optimised& optimised, const BuildRequest& request, builder::LoweringReasons& reasons) {
  for (const quant::LayerDecision& layer : optimised.quantization.layers) {
    if (!layer.quantized) reasons.emplace(layer.node, layer.reason);
  }
  for (const auto& node : optimised.model.graph->nodes()) {
    const builder::LayerType asked = builder::asked_of(*node, optimised.layer_types).types.precision;
    if (asked == builder::LayerType::kFree) continue;
    if (asked == builder::LayerType::kI8) {
      reasons.emplace(node->name, request.calibration ? "int8 takes convolutions and products with constant weights, and what lies between them"
                                                      : "nothing says its range: give --int8 with calibration data or a cache");
    } else if (!request.calibration) {
      reasons.emplace(node->name, "the model's types or its own Q/DQ say so");
    }
  }
}

// kObey: an error that lists what is not kept; else notes and warnings.
Status check_constraints(Optimised& optimised, const BuildRequest& request, const builder::LoweringReasons& reasons) {
  constexpr size_t kListed = 8;
  const std::vector<std::string> broken = builder::broken_constraints(*optimised.model.graph, optimised.layer_types, reasons);
  if (broken.empty()) return ok_status();
  if (request.constraints.mode != builder::ConstraintMode::kObey) {
    for (const std::string& line : broken) optimised.notes.push_back("constraint not kept: " + line);
    return ok_status();
  }
  std::string list;
  for (size_t i = 0; i < broken.size() && i < kListed; ++i) list += "\n  " + broken[i];
  if (broken.size() > kListed) list += fmt::format("\n  and {} more", broken.size() - kListed);
  return make_error(Code::kUnsupported, "--precisionConstraints=obey: found {} layers that can't be as asked, expected none:{}\nremove these constraints, ask for what they are, or use "
                    "--precisionConstraints=prefer", broken.size(), list);
}

}  // namespace

Optimised Optimised::clone() const {
  Optimised copy;
  copy.model.graph = model.graph->clone();
  copy.model.content_hash = model.content_hash;
  copy.symbols = symbols;
  copy.further_symbols = further_symbols;
  copy.passes = passes;
  copy.layer_types = layer_types;
  copy.quantization = quantization;
  copy.notes = notes;
  return copy;
}

Result<Optimised> optimise(const BuildRequest& request) {
  Optimised result;
  result.notes = request.notes;
  onnx::ImportOptions import = request.import;
  if (!request.dynamic()) {
    for (const auto& [name, shape] : request.shapes) import.shapes[name] = shape;
  }
  SINTER_ASSIGN(result.model, onnx::import_model(request.model_path, import));
  if (request.dynamic()) SINTER_TRY(resolve_profiles(*result.model.graph, request, result.symbols, result.further_symbols));
  if (!request.constraints.empty()) {
    std::vector<std::string> unmatched;
    SINTER_ASSIGN(result.layer_types, builder::resolve_constraints(*result.model.graph, request.constraints, unmatched));
    for (const std::string& line : unmatched) log(Severity::kWarning, "{}", line);
    result.notes.insert(result.notes.end(), unmatched.begin(), unmatched.end());
  }
  if (request.strip_quantization) quant::strip_quantization(*result.model.graph);
  SINTER_ASSIGN(result.passes, passes::run_pipeline(*result.model.graph, pass_options(request)));
  return result;
}

Result<Optimised> optimise_unfused(const BuildRequest& request) {
  BuildRequest unfused = request;
  static constexpr std::string_view kLate[] = {"stack", "pointwise", "fuse", "merge"};
  const auto late = [](const passes::Pass& pass) { return std::find(std::begin(kLate), std::end(kLate), pass.group) != std::end(kLate); };
  for (const passes::Pass& pass : passes::pipeline()) {
    const auto elsewhere = [&](const passes::Pass& other) { return other.name == pass.name && !late(other); };
    if (late(pass) && std::none_of(passes::pipeline().begin(), passes::pipeline().end(), elsewhere)) unfused.passes.disabled.emplace_back(pass.name);
  }
  return optimise(unfused);
}

Status fuse(Optimised& optimised, const BuildRequest& request) {
  SINTER_ASSIGN(const passes::PassReport again, passes::run_pipeline(*optimised.model.graph, pass_options(request)));
  for (const auto& [name, times] : again.fired) optimised.passes.fired[name] += times;
  return ok_status();
}

Status lower(Optimised& optimised, const BuildRequest& request) {
  ir::Graph& graph = *optimised.model.graph;
  if (request.calibration) {
    const quant::InsertOptions insert = insert_options(optimised, request);
    SINTER_ASSIGN(optimised.quantization, request.fp8 ? quant::insert_float8(graph, *request.calibration, insert) : quant::insert_quantization(graph, *request.calibration, insert));
    SINTER_TRY(fuse(optimised, request));
  }
  builder::BuildOptions options = request.build;
  if (!optimised.symbols.empty()) options.symbols = optimised.symbols;
  options.layer_types = optimised.layer_types;
  builder::LoweringReasons reasons;
  SINTER_TRY(builder::lower_precision(graph, options, &reasons));
  if (options.layer_types.empty()) return ok_status();
  add_reasons(optimised, request, reasons);
  return check_constraints(optimised, request, reasons);
}

Result<Optimised> import_and_optimise(const BuildRequest& request) {
  SINTER_ASSIGN(Optimised result, optimise(request));
  SINTER_TRY(lower(result, request));
  return result;
}

Result<BuildOutcome> build_lowered(const Optimised& lowered, const BuildRequest& request) {
  BuildRequest with_profile = request;
  if (!lowered.symbols.empty()) with_profile.build.symbols = lowered.symbols;
  engine::Manifest manifest;
  manifest.model_name = std::filesystem::path(request.model_path).filename().string();
  manifest.model_hash = lowered.model.content_hash;
  const std::vector<SymbolRanges> further = request.first_profile_only ? std::vector<SymbolRanges>() : lowered.further_symbols;
  return build_graph(*lowered.model.graph, lowered.passes, with_profile, further, std::move(manifest));
}

namespace {

// What int8 layers that the model's own Q/DQ made gain over the permitted floats.
Status compare_with_floats(BuildOutcome& outcome, const BuildRequest& request) {
  const auto& layers = outcome.report.layers;
  const bool any = std::any_of(layers.begin(), layers.end(), [](const builder::LayerReport& layer) { return layer.accumulate == "i32" && layer.float_us == 0; });
  if (!any || !request.float_times || request.calibration) return ok_status();
  BuildRequest floats = request;
  floats.strip_quantization = true;
  floats.constraints = {};
  floats.portable = false;
  floats.first_profile_only = true;
  SINTER_ASSIGN(const Optimised stripped, optimise(floats));
  SINTER_ASSIGN(const FloatChoice best, fastest_float(stripped, floats));
  add_float_times(outcome.report, best.report);
  outcome.report.notes.push_back(fmt::format("without Q/DQ: predicted {:.3f} ms", best.report.predicted_us / 1000));
  return ok_status();
}

}  // namespace

Result<BuildOutcome> build_model(const BuildRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  BuildRequest here = request;
  if (!here.build.timings) here.build.timings = std::make_shared<builder::TimingCache>();
  here.build.baseline_memory_bytes = anonymous_memory_bytes();
  SINTER_ASSIGN(Optimised lowered, optimise(here));
  if (has_choice(here)) {
    SINTER_ASSIGN(BuildOutcome outcome, build_fastest(lowered, here));
    SINTER_TRY(compare_with_floats(outcome, here));
    outcome.report.build_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    return outcome;
  }
  SINTER_TRY(lower(lowered, here));
  SINTER_ASSIGN(BuildOutcome outcome, build_lowered(lowered, here));
  for (const std::string& line : lowered.notes) outcome.report.notes.push_back(line);
  for (const quant::LayerDecision& layer : lowered.quantization.layers) {
    if (!layer.quantized) outcome.report.notes.push_back(fmt::format("not in {}: '{}' ({})", request.fp8 ? "fp8" : "int8", layer.node, layer.reason));
  }
  SINTER_TRY(compare_with_floats(outcome, here));
  outcome.report.build_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return outcome;
}

Result<BuildOutcome> retune(const engine::EngineFile& engine, const BuildRequest& request) {
  if (!engine.has_portable()) {
    return make_error(Code::kUnsupported,
                      "engine '{}' holds no portable part (it was built with --target-only), so it can't be tuned for this machine; "
                      "build it here from the model",
                      engine.name());
  }
  SINTER_TRY(runtime::match_plugins(engine, true));
  BuildRequest here = request;
  here.build.baseline_memory_bytes = anonymous_memory_bytes();
  SINTER_ASSIGN(const engine::PortablePart part, engine.portable());
  ir::BlobMap blobs;
  for (const auto& [digest, tensor] : part.blobs) blobs.emplace(digest, tensor);
  SINTER_ASSIGN(const auto graph, ir::parse(part.ir_text, &blobs));
  engine::Manifest manifest;
  manifest.model_name = engine.manifest().model_name;
  manifest.model_hash = engine.manifest().model_hash;
  std::vector<SymbolRanges> further;
  if (request.dynamic()) {
    SINTER_TRY(resolve_profiles(*graph, request, here.build.symbols, further));
  } else {
    const auto ranges = [&](size_t profile) {
      SymbolRanges symbols;
      for (const plan::SymbolRange& range : engine.plan(profile).symbols) symbols.emplace(range.name, range);
      return symbols;
    };
    here.build.symbols = ranges(0);
    manifest.shapes_to_warm = engine.manifest().shapes_to_warm;
    for (size_t p = 1; p < engine.profile_count(); ++p) further.push_back(ranges(p));
  }
  return build_graph(*graph, {}, here, further, std::move(manifest));
}

Result<ShapeMap> parse_shapes(std::string_view text) {
  ShapeMap shapes;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    const std::string_view item = text.substr(0, comma);
    text = comma == text.npos ? std::string_view() : text.substr(comma + 1);
    const size_t colon = item.rfind(':');
    const std::string name(colon == item.npos ? std::string_view() : item.substr(0, colon));
    std::string_view dims = colon == item.npos ? item : item.substr(colon + 1);
    Shape shape;
    while (!dims.empty()) {
      int64_t dim = 0;
      const auto [end, error] = std::from_chars(dims.data(), dims.data() + dims.size(), dim);
      const size_t used = static_cast<size_t>(end - dims.data());
      const bool separator = used < dims.size() && dims[used] == 'x' && used + 1 < dims.size();
      if (error != std::errc() || dim < 0 || (used < dims.size() && !separator)) {
        return make_error(Code::kInvalidArgument, "shapes: found '{}', expected NAME:1x3x224x224 (comma between inputs)", item);
      }
      shape.emplace_back(dim);
      dims.remove_prefix(separator ? used + 1 : used);
    }
    if (!shapes.emplace(name, std::move(shape)).second) {
      return make_error(Code::kInvalidArgument, "shapes: input '{}' is given twice; give it once", name);
    }
  }
  return shapes;
}

Result<int64_t> parse_size(std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  const double number = std::strtod(copy.c_str(), &end);
  std::string suffix(end);
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  double unit = 0;
  if (suffix.empty() || suffix == "b") unit = 1;
  if (suffix == "k" || suffix == "kb" || suffix == "kib") unit = 1024.0;
  if (suffix == "m" || suffix == "mb" || suffix == "mib") unit = 1024.0 * 1024;
  if (suffix == "g" || suffix == "gb" || suffix == "gib") unit = 1024.0 * 1024 * 1024;
  const double bytes = number * unit;
  if (end == copy.c_str() || unit == 0 || !(bytes >= 0) || bytes > 9e18) {
    return make_error(Code::kInvalidArgument, "size: found '{}', expected a number with KiB, MiB or GiB (512MiB)", text);
  }
  return static_cast<int64_t>(bytes);
}

}  // namespace sinter::session
