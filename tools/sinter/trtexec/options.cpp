#include "trtexec/options.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "trtexec/flags.h"
#include "usage.h"

namespace sinter::tool::trtexec {
namespace {

Shapes parse_shapes(const std::string& key, const std::string& text) {
  Shapes shapes;
  for (const std::string& item : split_list(text)) {
    auto [name, dims] = split_pair(item);
    if (dims == "scalar") dims.clear();
    bool good = !name.empty() && (item.find(':') != item.npos);
    for (size_t begin = 0; good && begin < dims.size();) {
      size_t end = begin;
      while (end < dims.size() && std::isdigit(static_cast<unsigned char>(dims[end]))) ++end;
      good = end > begin && (end == dims.size() || (dims[end] == 'x' && end + 1 < dims.size()));
      begin = end + 1;
    }
    if (!good) throw Error{key + ": found '" + item + "', expected NAME:1x3x224x224", true};
    shapes.inputs.emplace_back(name, dims);
  }
  return shapes;
}

// --profile=N and the shape flags behind it.
void parse_profiles(Arguments& arguments, Options& options) {
  std::map<long, Profile> profiles;
  std::set<std::pair<long, std::string>> seen;
  long current = 0;
  bool numbered = false;
  for (Argument& argument : arguments.all()) {
    const bool shape = argument.key == "--minShapes" || argument.key == "--optShapes" || argument.key == "--maxShapes";
    if (argument.key == "--profile") {
      argument.taken = true;
      current = std::strtol(argument.value.c_str(), nullptr, 10);
      if (profiles.count(current)) throw Error{"Optimization profile index cannot be the same.", true};
      profiles[current];
      numbered = true;
    } else if (shape) {
      argument.taken = true;
      if (!seen.emplace(current, argument.key).second) {
        throw Error{numbered ? argument.key + " is given twice for profile " + std::to_string(current)
                             : "Multiple --minShapes/--optShapes/--maxShapes without --profile are not allowed.", true};
      }
      Profile& profile = profiles[current];
      (argument.key == "--minShapes" ? profile.min : argument.key == "--optShapes" ? profile.opt : profile.max) = parse_shapes(argument.key, argument.value);
    }
  }
  long expected = 0;
  for (auto& [index, profile] : profiles) {
    if (index != expected++) throw Error{"--profile: the numbers must be 0, 1, 2 and so on, found " + std::to_string(index), true};
    Shapes* const three[] = {&profile.min, &profile.opt, &profile.max};
    const Shapes* given = nullptr;
    for (const int i : {1, 0, 2}) given = given || three[i]->inputs.empty() ? given : three[i];
    bool copied = false;
    for (Shapes* shapes : three) {
      if (!shapes->inputs.empty() || !given) continue;
      *shapes = *given;
      copied = true;
    }
    if (copied) options.warnings.push_back("Some of --minShapes, --optShapes and --maxShapes are missing; they were broadcast from those that are given.");
    options.profiles.push_back(std::move(profile));
  }
}

void parse_pools(Arguments& arguments, Options& options) {
  if (const auto mib = arguments.take_number("--workspace")) {
    options.workspace_mib = *mib;
    options.warnings.push_back("--workspace is deprecated; --memPoolSize=workspace:SIZE says the same");
  }
  const auto pools = arguments.take("--memPoolSize");
  if (!pools) return;
  for (const std::string& item : split_list(*pools)) {
    const auto [pool, size] = split_pair(item);
    const double bytes = parse_bytes("--memPoolSize", size, 1 << 20);
    if (bytes < 0) throw Error{"Negative memory pool size: " + item, true};
    static const std::set<std::string> kOthers{"dlaSRAM", "dlaLocalDRAM", "dlaGlobalDRAM", "tacticSharedMem"};
    if (pool == "workspace") options.workspace_mib = bytes / (1 << 20);
    else if (kOthers.count(pool)) options.notes.push_back("--memPoolSize=" + pool + " has no meaning here: only workspace is limited");
    else throw Error{"Unknown memory pool: " + pool, true};
  }
}

void parse_precision(Arguments& arguments, Options& options) {
  options.fp16 = arguments.take_flag("--fp16");
  options.bf16 = arguments.take_flag("--bf16");
  options.int8 = arguments.take_flag("--int8");
  options.fp8 = arguments.take_flag("--fp8");
  options.best = arguments.take_flag("--best");
  options.tf32 = !arguments.take_flag("--noTF32");
  options.strongly_typed = arguments.take_flag("--stronglyTyped");
  options.constraints = arguments.take("--precisionConstraints").value_or("");
  if (!options.constraints.empty() && options.constraints != "none" && options.constraints != "prefer" && options.constraints != "obey") {
    throw Error{"Unknown precision constraints: " + options.constraints + ", expected none, prefer or obey", true};
  }
  options.layer_precisions = arguments.take("--layerPrecisions").value_or("");
  options.layer_output_types = arguments.take("--layerOutputTypes").value_or("");
  options.calib = arguments.take("--calib").value_or("");
  const bool lowered = options.fp16 || options.bf16 || options.int8 || options.fp8 || options.best;
  if (options.generation == 11 && lowered) {
    options.warnings.push_back("precision flags are gone from trtexec 11; they are obeyed here");
  }
  if (options.strongly_typed && options.best) throw Error{"--best and --stronglyTyped contradict each other: either the tuner chooses types or the model does", true};
  if (options.strongly_typed && lowered) {
    options.warnings.push_back("--stronglyTyped: the types are the model's; --fp16, --bf16, --int8 and --fp8 are dropped");
    options.fp16 = options.bf16 = options.int8 = options.fp8 = false;
  }
  if (options.int8 && !options.fp16) options.notes.push_back("fp32 and int8 precisions have been specified - more performance might be enabled by additionally specifying --fp16 or --best");
  if (options.fp8 && options.int8) throw Error{"--fp8 and --int8 can't be used together", true};
}

void parse_build(Arguments& arguments, Options& options) {
  options.onnx = arguments.take("--onnx").value_or("");
  if (options.onnx.rfind("~/", 0) == 0 && std::getenv("HOME")) options.onnx = std::getenv("HOME") + options.onnx.substr(1);
  options.save_engine = arguments.take("--saveEngine").value_or("");
  options.load_engine = arguments.take("--loadEngine").value_or("");
  parse_profiles(arguments, options);
  if (const auto shapes = arguments.take("--shapes")) options.shapes = parse_shapes("--shapes", *shapes);
  const auto use_profile = arguments.take_integer("--useProfile");
  options.use_profile = static_cast<int>(use_profile.value_or(0));
  options.use_profile_given = use_profile.has_value();
  if (options.use_profile < 0) throw Error{"--useProfile: found " + std::to_string(options.use_profile) + ", expected 0 or more", true};
  parse_precision(arguments, options);
  parse_pools(arguments, options);
  options.timing_cache = arguments.take("--timingCacheFile").value_or("");
  options.timing_cache_off = arguments.take_flag("--noBuilderCache");
  if (options.timing_cache_off) options.timing_cache.clear();
  options.compatibility = arguments.take("--hardwareCompatibilityLevel").value_or("none");
  if (options.compatibility == "same_compute_capability" || options.compatibility == "sameComputeCapability") {
    options.notes.push_back("--hardwareCompatibilityLevel=" + options.compatibility +
                            ": engines run on GPUs of one compute capability without it");
    options.compatibility = "none";
  }
  options.tactic_sources = arguments.take("--tacticSources").value_or("");
  options.skip_inference = arguments.take_flag("--skipInference");
  if (arguments.take_flag("--buildOnly")) options.skip_inference = true;
  options.plan_version_only = arguments.take_flag("--getPlanVersionOnly");
  auto verbosity = arguments.take("--profilingVerbosity");
  if (const auto old = arguments.take("--nvtxMode"); old && !verbosity) verbosity = old;
  if (verbosity) {
    if (*verbosity == "layer_names_only" || *verbosity == "default") options.verbosity = Verbosity::kNames;
    else if (*verbosity == "detailed" || *verbosity == "verbose") options.verbosity = Verbosity::kDetailed;
    else if (*verbosity == "none") options.verbosity = Verbosity::kNone;
    else throw Error{"Unknown profilingVerbosity: " + *verbosity + ", expected layer_names_only, detailed or none", true};
  }
  for (const char* key : {"--inputIOFormats", "--outputIOFormats"}) {
    const auto formats = arguments.take(key);
    if (!formats) continue;
    for (const std::string& item : split_list(*formats)) {
      const std::string layout = options.generation == 11 && item.find(':') == item.npos ? item : split_pair(item).second;
      if (layout != "chw") throw Error{std::string(key) + ": found '" + item + "', expected chw: inputs and outputs are row-major", true};
    }
    options.notes.push_back(std::string(key) + ": inputs and outputs keep the model's types");
  }
}

void parse_inference(Arguments& arguments, Options& options) {
  for (const std::string& item : split_list(arguments.take("--loadInputs").value_or(""))) {
    const auto [name, file] = split_pair(item);
    if (name.empty() || file.empty()) throw Error{"--loadInputs: found '" + item + "', expected NAME:FILE", true};
    options.load_inputs.emplace_back(name, file);
  }
  options.iterations = arguments.take_integer("--iterations").value_or(options.iterations);
  options.warm_up_ms = arguments.take_number("--warmUp").value_or(options.warm_up_ms);
  options.duration_s = arguments.take_number("--duration").value_or(options.duration_s);
  options.idle_ms = arguments.take_number("--idleTime").value_or(0);
  const auto streams = arguments.take_integer("--streams");
  options.streams = static_cast<int>(arguments.take_integer("--infStreams").value_or(streams.value_or(1)));
  if (options.streams < 1) throw Error{"--infStreams: found " + std::to_string(options.streams) + ", expected at least 1", true};
  options.transfers = options.generation != 11;
  if (arguments.take_flag("--noDataTransfers")) options.transfers = false;
  if (arguments.take_flag("--includeDataTransfers")) options.transfers = true;
  options.time_deserialize = arguments.take_flag("--timeDeserialize");
}

void parse_plugins(Arguments& arguments, Options& options) {
  for (const char* key : {"--staticPlugins", "--plugins", "--dynamicPlugins", "--setPluginsToSerialize"}) {
    for (std::string& library : arguments.take_all(key)) {
      const bool known = std::find(options.plugins.begin(), options.plugins.end(), library) != options.plugins.end();
      if (std::string(key) == "--setPluginsToSerialize") {
        options.warnings.push_back(std::string(key) + ": engines hold no code of plugins; '" + library + "' is loaded, the engine names it, and whoever loads the engine gives --dynamicPlugins");
      }
      if (!known) options.plugins.push_back(std::move(library));
    }
  }
}

void parse_reporting(Arguments& arguments, Options& options) {
  options.verbose = arguments.take_flag("--verbose");
  options.average_runs = std::max(1L, arguments.take_integer("--avgRuns").value_or(10));
  if (const auto text = arguments.take("--percentile")) {
    options.percentiles.clear();
    for (const std::string& item : split_list(*text)) {
      char* end = nullptr;
      const double value = std::strtod(item.c_str(), &end);
      if (end == item.c_str() || !(value >= 0 && value <= 100)) throw Error{"Percentile " + item + " is not in the range [0, 100]", true};
      options.percentiles.push_back(value);
    }
  }
  options.dump_output = arguments.take_flag("--dumpOutput");
  options.dump_raw = arguments.take_flag("--dumpRawBindingsToFile");
  options.dump_profile = arguments.take_flag("--dumpProfile");
  options.dump_layers = arguments.take_flag("--dumpLayerInfo");
  options.dump_profiles = arguments.take_flag("--dumpOptimizationProfile");
  options.export_profile = arguments.take("--exportProfile").value_or("");
  options.export_layers = arguments.take("--exportLayerInfo").value_or("");
  options.export_times = arguments.take("--exportTimes").value_or("");
  options.export_output = arguments.take("--exportOutput").value_or("");
  arguments.take_flag("--separateProfileRun");
  arguments.take_flag("--explicitBatch");
  parse_plugins(arguments, options);
  const auto device = arguments.take("--device");
  if (!device) return;
  const bool number = !device->empty() && device->find_first_not_of("0123456789") == device->npos;
  if (!number && *device != "cpu") throw Error{"--device: found '" + *device + "', expected the number of a GPU, or cpu", true};
  options.device = number ? "cuda:" + *device : *device;
}

int parse_generation(Arguments& arguments) {
  const char* knob = std::getenv("SINTER_TRTEXEC");
  const std::string text = arguments.take("--generation").value_or(knob && *knob ? knob : "10");
  if (text == "8" || text == "10" || text == "11") return std::stoi(text);
  throw Error{"--generation: found '" + text + "', expected 8, 10 or 11", true};
}

// What is accepted, and what is unknown.
void parse_rest(Arguments& arguments, Options& options) {
  std::set<std::string> said;
  for (Argument& argument : arguments.all()) {
    const Flag* flag = find_flag(argument.key);
    if (argument.taken || !flag || !flag->nothing) continue;
    argument.taken = true;
    if (said.insert(argument.key).second) options.notes.push_back(argument.key + " has no meaning here: " + flag->nothing);
  }
  std::string unknown;
  for (const Argument& argument : arguments.left()) {
    unknown += std::string(unknown.empty() ? "" : "\n") + "Unknown option: " + argument.key + (argument.value.empty() ? "" : " " + argument.value);
    const std::string near = find_flag(argument.key) ? "" : nearest(argument.key, flag_names());
    if (!near.empty()) unknown += " (did you mean " + near + "?)";
    else if (find_flag(argument.key)) unknown += " (it is given more than once)";
  }
  if (!unknown.empty()) throw Error{unknown, true};
}

}  // namespace

std::string Shapes::to_text() const {
  std::string text;
  for (const auto& [name, dims] : inputs) text += (text.empty() ? "" : ",") + name + ":" + dims;
  return text;
}

bool matches(const std::string& pattern, const std::string& name) {
  const size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == name;
  const std::string head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  return name.size() >= head.size() + tail.size() && name.rfind(head, 0) == 0 && name.compare(name.size() - tail.size(), tail.size(), tail) == 0;
}

Options parse_options(Arguments& arguments) {
  Options options;
  options.help = arguments.all().empty() || arguments.has("--help") || arguments.has("-h");
  if (options.help) return options;
  options.generation = parse_generation(arguments);
  parse_build(arguments, options);
  parse_inference(arguments, options);
  parse_reporting(arguments, options);
  parse_rest(arguments, options);
  if (options.onnx.empty() && options.load_engine.empty()) throw Error{"Model missing or format not recognized: give --onnx=FILE or --loadEngine=FILE", true};
  if (!options.save_engine.empty() && !options.load_engine.empty()) throw Error{"Incompatible load and save engine options selected", true};
  if (options.plan_version_only && options.load_engine.empty()) throw Error{"--getPlanVersionOnly needs --loadEngine=FILE", true};
  return options;
}

}  // namespace sinter::tool::trtexec
