#include "trtexec/trtexec.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "common.h"
#include "trtexec/exports.h"
#include "trtexec/flags.h"
#include "trtexec/inference.h"
#include "trtexec/log.h"
#include "trtexec/model.h"

namespace sinter::tool {
namespace trtexec {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }
const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }
std::string yes(bool value) { return value ? "Enabled" : "Disabled"; }
std::string or_none(const std::string& text) { return text.empty() ? "" : text; }

void forward_log(void* user, sinter_severity severity, const char* message) {
  const Severity mine = severity == SINTER_LOG_WARNING ? Severity::kWarning : severity == SINTER_LOG_INFO ? Severity::kInfo : Severity::kVerbose;
  static_cast<const Log*>(user)->say(mine, std::string("[TRT] ") + message);
}

class Tool {
 public:
  Tool(const Options& options, Log& log) : options_(options), log_(log) {}

  int run() {
    print_options();
    print_device();
    if (options_.plan_version_only) return print_plan_version();
    for (const std::string& library : options_.plugins) {
      log_.info("Loading supplied plugin library: " + library);
      require(sinter_plugin_load(library.c_str()));
    }
    const std::string& model = options_.load_engine.empty() ? options_.onnx : options_.load_engine;
    if (!std::ifstream(model).good()) {
      throw Error{options_.load_engine.empty() ? "Failed to parse onnx file: could not open '" + model + "'" : "Error opening engine file: '" + model + "'"};
    }
    inputs_ = inputs_of(model);
    if (options_.load_engine.empty()) build();
    else load();
    if (options_.time_deserialize) return time_loading();
    if (options_.dump_profiles) print_profiles();
    report_layers();
    if (options_.skip_inference) {
      log_.info("Skipped inference phase since --skipInference is added.");
      return log_.passed();
    }
    infer();
    return log_.passed();
  }

 private:
  void print_options() {
    log_.info("=== Model Options ===\nFormat: ONNX\nModel: " + options_.onnx + "\nOutput:");
    std::string precision = "FP32";
    if (options_.fp16) precision += "+FP16";
    if (options_.bf16) precision += "+BF16";
    if (options_.best) precision = "FP32+FP16+BF16+INT8";
    else if (options_.int8) precision += "+INT8";
    if (options_.fp8) precision += "+FP8";
    if (options_.constraints == "obey" || options_.constraints == "prefer") precision += " (" + options_.constraints + " precision constraints)";
    log_.info("=== Build Options ===");
    if (options_.load_engine.empty()) {
      log_.info("Memory Pools: workspace: " + (options_.workspace_mib < 0 ? std::string("default") : number(options_.workspace_mib) + " MiB") +
                ", dlaSRAM: default, dlaLocalDRAM: default, dlaGlobalDRAM: default, tacticSharedMem: default\nPrecision: " + precision +
                "\nLayerPrecisions: " + options_.layer_precisions + "\nCalibration: " + (options_.int8 ? (options_.calib.empty() ? "Dynamic" : options_.calib) : "") +
                "\nRefit: Disabled\nSparsity: Disabled\nSafe mode: Disabled\nSave engine: " + or_none(options_.save_engine) + "\nLoad engine: " + or_none(options_.load_engine) +
                "\nProfiling verbosity: " + std::to_string(static_cast<int>(options_.verbosity)) + "\nTactic sources: " + (options_.tactic_sources.empty() ? "Using default tactic sources" : options_.tactic_sources) +
                "\ntimingCacheMode: " + (options_.timing_cache_off ? "disable" : options_.timing_cache.empty() ? "local" : "global") + "\ntimingCacheFile: " + options_.timing_cache);
    }
    log_.info("=== System Options ===\nDevice: " + (options_.device.empty() ? "0" : options_.device) + "\n=== Inference Options ===\nBatch: Explicit\nIterations: " +
              std::to_string(options_.iterations) + "\nDuration: " + number(options_.duration_s) + "s (+ " + number(options_.warm_up_ms) + "ms warm up)\nSleep time: 0ms\nIdle time: " +
              number(options_.idle_ms) + "ms\nInference Streams: " + std::to_string(options_.streams) + "\nData transfers: " + yes(options_.transfers) + "\nInputs:");
    for (const auto& [name, file] : options_.load_inputs) log_.info(name + "<-" + file);
    std::string percentiles;
    for (const double p : options_.percentiles) percentiles += (percentiles.empty() ? "" : ",") + number(p);
    log_.info("=== Reporting Options ===\nVerbose: " + yes(options_.verbose) + "\nAverages: " + std::to_string(options_.average_runs) + " inferences\nPercentiles: " + percentiles +
              "\nDump output: " + yes(options_.dump_output) + "\nProfile: " + yes(options_.dump_profile) + "\nExport timing to JSON file: " + options_.export_times +
              "\nExport output to JSON file: " + options_.export_output + "\nExport profile to JSON file: " + options_.export_profile + "\n");
    for (const std::string& note : options_.notes) log_.info(note);
    for (const std::string& warning : options_.warnings) log_.warn(warning);
  }

  // The GPU that --device names; without it the first GPU, or the processor.
  void print_device() {
    char* text = nullptr;
    require(sinter_doctor_json(&text));
    std::map<std::string, std::string> found;  // "cpu", "cuda:0" and so on
    for (const Json& line : Json::parse(Text(text).get())) {
      if (line.at("state") != "missing") found.emplace(line.at("topic"), line.at("text"));
    }
    device_ = options_.device;
    if (device_.empty()) device_ = found.count("cuda:0") ? "cuda:0" : "cpu";
    if (device_ == "cuda:0" && !found.count(device_)) {
      log_.warn("no NVIDIA GPU is here: the processor is used, as with --device=cpu");
      device_ = "cpu";
    }
    if (!found.count(device_)) throw Error{"Cannot find device ID " + device_.substr(5) + ": `sinter doctor` lists the GPUs that are here"};
    const std::string& name = found.at(device_);
    log_.info("=== Device Information ===\nSelected Device: " + name + "\n\nTensorRT version: " + log_.version() + " (this is Sinter " + sinter_version() + " with trtexec's command line)");
  }

  int print_plan_version() {
    char* text = nullptr;
    require(sinter_inspect_json(options_.load_engine.c_str(), &text));
    log_.info("Plan was created with Sinter version " + Json::parse(Text(text).get()).at("manifest").at("sinter_version").get<std::string>());
    return log_.passed();
  }

  void build() {
    log_.info("Start parsing network model.");
    const std::vector<BuildShapes> shapes = build_shapes(inputs_, options_, log_);
    std::vector<sinter_optimization_profile> profiles;
    for (const BuildShapes& profile : shapes) profiles.push_back({profile.min.c_str(), profile.opt.c_str(), profile.max.c_str()});
    sinter_build_options how;
    sinter_build_options_init(&how);
    how.device = device_.c_str();
    how.fallback = SINTER_FALLBACK_CPU;
    how.tf32 = options_.tf32;
    how.fp16 = options_.fp16;
    how.bf16 = options_.bf16;
    how.optimization_profiles = profiles.data();
    how.optimization_profile_count = profiles.size();
    how.timing_cache = or_null(options_.timing_cache);
    how.precision_constraints = or_null(options_.constraints);
    how.layer_precisions = or_null(options_.layer_precisions);
    how.layer_output_types = or_null(options_.layer_output_types);
    if (options_.workspace_mib > 0) how.workspace_bytes = static_cast<uint64_t>(options_.workspace_mib * (1 << 20));
    const std::string sources = known_sources();
    how.tactic_sources = or_null(sources);
    if (device_ != "cpu")
      how.hardware_compatibility = options_.compatibility.c_str();
    else if (options_.compatibility != "none")
      log_.info(
          "--hardwareCompatibilityLevel has no meaning on the processor: engines say which instructions they need");
    how.verbose = options_.verbose;
    how.best = options_.best;
    how.strongly_typed = options_.strongly_typed;
    how.fp8 = options_.fp8;
    if (options_.int8) permit_int8(how);
    else if ((options_.best || options_.fp8) && std::ifstream(options_.calib).good()) how.calib_cache = options_.calib.c_str();
    const auto begin = Clock::now();
    void* bytes = nullptr;
    size_t size = 0;
    if (sinter_build_to_memory(options_.onnx.c_str(), &how, &bytes, &size) != SINTER_OK) {
      log_.say(Severity::kError, std::string("[TRT] ") + sinter_last_error());
      throw Error{"Engine could not be created from network\nBuilding engine failed\nFailed to create engine from model or file.\nEngine set up failed"};
    }
    memory_.reset(bytes);
    engine_bytes_ = size;
    log_.info("Finished parsing network model.\nCreated engine with size: " + number(static_cast<double>(size) / (1 << 20)) + " MiB\nEngine built in " + number(seconds_since(begin)) + " sec.");
    if (!options_.save_engine.empty()) save();
    const auto loading = Clock::now();
    sinter_engine* engine = nullptr;
    require(sinter_engine_load_memory(bytes, size, nullptr, &engine));
    engine_.reset(engine);
    log_.info("Engine deserialized in " + number(seconds_since(loading)) + " sec.");
  }

  // A cache that exists is used; one that does not is made from random values; without one, ranges are placeholders.
  void permit_int8(sinter_build_options& how) {
    how.int8 = 1;
    if (!options_.calib.empty() && std::ifstream(options_.calib).good()) {
      how.calib_cache = options_.calib.c_str();
      return;
    }
    how.int8_placeholders = 1;
    if (options_.calib.empty()) return;
    log_.warn("Calibration file '" + options_.calib + "' does not exist: it is written from one batch of random values. Accuracy of the engine is meaningless.");
    how.calib_cache = options_.calib.c_str();
  }

  // Of the sources that people name, those that exist here.
  std::string known_sources() {
    std::string sources;
    for (const std::string& item : split_list(options_.tactic_sources)) {
      const std::string name = item.substr(item.empty() ? 0 : 1);
      if (item[0] != '+' && item[0] != '-') throw Error{"--tacticSources: found '" + item + "', expected +NAME or -NAME"};
      if (name == "CUBLAS_LT" || name == "CUDNN") sources += (sources.empty() ? "" : ",") + item;
      else log_.info("--tacticSources=" + item + " has no meaning here: kernels are Sinter's own, and CUBLAS_LT and CUDNN take part when they are named");
    }
    return sources;
  }

  void save() {
    const std::string partial = options_.save_engine + ".partial";
    std::ofstream out(partial, std::ios::binary);
    out.write(static_cast<const char*>(memory_.get()), static_cast<std::streamsize>(engine_bytes_));
    out.close();
    if (!out || std::rename(partial.c_str(), options_.save_engine.c_str()) != 0) {
      std::remove(partial.c_str());
      throw Error{"Saving engine to file failed: can't write '" + options_.save_engine + "'; choose a place this user may write to"};
    }
  }

  void load() {
    const auto begin = Clock::now();
    sinter_load_options how;
    sinter_load_options_init(&how);
    if (device_.rfind("cuda:", 0) == 0) how.device = static_cast<int32_t>(std::strtol(device_.c_str() + 5, nullptr, 10));
    sinter_engine* engine = nullptr;
    if (sinter_engine_load(options_.load_engine.c_str(), &how, &engine) != SINTER_OK) {
      log_.say(Severity::kError, std::string("[TRT] ") + sinter_last_error());
      throw Error{"Engine deserialization failed\nEngine set up failed"};
    }
    engine_.reset(engine);
    struct stat info {};
    if (stat(options_.load_engine.c_str(), &info) == 0) engine_bytes_ = static_cast<size_t>(info.st_size);
    log_.info("Engine loaded in " + number(seconds_since(begin)) + " sec.\nLoaded engine with size: " + number(static_cast<double>(engine_bytes_) / (1 << 20)) + " MiB\nEngine deserialized in " +
              number(seconds_since(begin)) + " sec.");
  }

  int time_loading() {
    const std::string& file = options_.load_engine.empty() ? options_.save_engine : options_.load_engine;
    if (file.empty()) throw Error{"--timeDeserialize needs --loadEngine=FILE or --saveEngine=FILE"};
    const auto once = [&] {
      const auto begin = Clock::now();
      sinter_engine* engine = nullptr;
      require(sinter_engine_load(file.c_str(), nullptr, &engine));
      const double ms = seconds_since(begin) * 1000;
      sinter_engine_free(engine);
      return ms;
    };
    constexpr int kTimed = 20;
    once(), once();
    const double first = once();
    double sum = 0;
    for (int i = 0; i < kTimed; ++i) sum += once();
    log_.info("First deserialization time = " + number(first) + " milliseconds\nAverage deserialization time of " + std::to_string(kTimed) + " runs = " + number(sum / kTimed) + " milliseconds");
    return first > 2 * sum / kTimed ? log_.failed() : log_.passed();
  }

  void print_profiles() {
    for (size_t profile = 0; profile < sinter_engine_optimization_profile_count(engine_.get()); ++profile) {
      for (const Input& input : inputs_) {
        std::string low, best, high;
        for (const std::string& dim : input.dims) {
          int64_t range[3] = {};
          const bool bound = sinter_engine_optimization_profile_range(engine_.get(), profile, dim.c_str(), &range[0], &range[1], &range[2]) == SINTER_OK;
          std::string* const texts[] = {&low, &best, &high};
          for (int i = 0; i < 3; ++i) *texts[i] += (texts[i]->empty() ? "" : "x") + (bound ? std::to_string(range[i]) : dim);
        }
        log_.info("Model input " + input.name + " (profile " + std::to_string(profile) + "): min=" + low + ", opt=" + best + ", max=" + high);
      }
    }
  }

  void report_layers() {
    if (!options_.dump_layers && options_.export_layers.empty()) return;
    char* text = nullptr;
    require(sinter_engine_info_json(engine_.get(), &text));
    const Json layers = layers_json(Json::parse(Text(text).get()), options_.verbosity);
    if (options_.dump_layers) log_.info(layers_table(layers));
    if (!options_.export_layers.empty()) write_text(options_.export_layers, layers.dump(1) + "\n");
  }

  void infer() {
    std::unique_ptr<Inference> inference;
    try {
      inference = std::make_unique<Inference>(engine_.get(), options_, run_shapes(inputs_, options_), log_);
    } catch (const Failure& failure) {
      throw Error{failure.message + "\nInference set up failed"};
    }
    log_.info("Starting inference");
    Trace trace;
    try {
      trace = inference->run();
    } catch (const Failure& failure) {
      throw Error{failure.message + "\nError occurred during inference"};
    }
    ReportOptions how{options_.average_runs, options_.percentiles, options_.generation, options_.streams, options_.transfers && device_ != "cpu"};
    print_report(trace, how, [&](const std::string& text) { log_.info(text); }, [&](const std::string& text) { log_.warn(text); });
    if (device_ == "cpu") {
      log_.say(Severity::kVerbose, "On the processor, GPU Compute Time is that of the run itself; nothing is copied (H2D, D2H) and nothing is queued (Enqueue).");
    }
    log_.info("");
    print_memory(*inference);
    if (!options_.export_times.empty()) write_text(options_.export_times, times_json(trace));
    if (options_.dump_profile || !options_.export_profile.empty()) {
      constexpr long kFewest = 10;
      const Json profile = profile_json(Json::parse(inference->profile(std::max(kFewest, std::min<long>(options_.iterations, 100)))));
      if (options_.dump_profile) log_.info(profile_table(profile, options_.generation) + "\n");
      if (!options_.export_profile.empty()) write_text(options_.export_profile, profile.dump(1) + "\n");
    }
    report_outputs(*inference);
  }

  void print_memory(Inference& inference) {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto mib = [](double bytes) { return number(bytes / (1 << 20)) + " MiB"; };
    log_.info("Memory: engine " + mib(static_cast<double>(engine_bytes_)) + ", context " + mib(static_cast<double>(sinter_context_arena_bytes(inference.lane().context()))) +
              ", device " + mib(static_cast<double>(sinter_context_device_bytes(inference.lane().context()))) + ", peak of host memory " + mib(static_cast<double>(usage.ru_maxrss) * 1024));
  }

  void report_outputs(Inference& inference) {
    Json outputs = Json::array();
    if (options_.dump_output) log_.info("Output Tensors:");
    for (size_t i = 0; i < sinter_engine_output_count(engine_.get()); ++i) {
      sinter_io_info info;
      require(sinter_engine_output_info(engine_.get(), i, &info));
      const sinter_tensor tensor = inference.lane().output(i);
      if (options_.dump_output) log_.info(output_text(info.name, tensor));
      if (!options_.export_output.empty()) outputs.push_back(output_json(info.name, tensor));
      if (options_.dump_raw) write_raw(raw_file_name(info.name, false, tensor), tensor);
    }
    for (size_t i = 0; options_.dump_raw && i < sinter_engine_input_count(engine_.get()); ++i) {
      sinter_io_info info;
      require(sinter_engine_input_info(engine_.get(), i, &info));
      const sinter_tensor tensor = inference.lane().input(i);
      write_raw(raw_file_name(info.name, true, tensor), tensor);
    }
    if (!options_.export_output.empty()) write_text(options_.export_output, outputs.dump(1) + "\n");
  }

  static void write_raw(const std::string& path, const sinter_tensor& tensor) {
    write_text(path, std::string(static_cast<const char*>(tensor.data), tensor.bytes));
  }

  const Options& options_;
  Log& log_;
  std::vector<Input> inputs_;
  std::string device_;
  std::unique_ptr<void, Free> memory_;
  size_t engine_bytes_ = 0;
  Engine engine_;
};

int run_checked(Arguments& arguments, Log& log) {
  try {
    const Options options = parse_options(arguments);
    if (options.help) {
      std::fputs(help_text().c_str(), stdout);
      return 0;
    }
    log.set_generation(options.generation);
    log.set_verbose(options.verbose);
    log.running();
    sinter_set_log_sink(forward_log, &log);
    return Tool(options, log).run();
  } catch (const Error& error) {
    if (error.usage) {
      log.running();
      std::fputs(help_text().c_str(), stdout);
    }
    log.say(Severity::kError, error.message);
  } catch (const Failure& failure) {
    log.say(Severity::kError, failure.message);
  } catch (const std::exception& error) {
    log.say(Severity::kError, std::string("Uncaught exception detected: ") + error.what());
  }
  return log.failed();
}

}  // namespace
}  // namespace trtexec

int run_trtexec(int argc, char** argv) {
  std::string command = "trtexec";
  std::vector<std::string> words;
  for (int i = 0; i < argc; ++i) {
    words.emplace_back(argv[i]);
    command += std::string(" ") + argv[i];
  }
  trtexec::Log log(10, command);
  trtexec::Arguments arguments = trtexec::Arguments::parse(words);
  const int code = trtexec::run_checked(arguments, log);
  sinter_set_log_sink(nullptr, nullptr);
  return code;
}

}  // namespace sinter::tool
