#include "common.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace sinter::tool {
namespace {

constexpr int kBarWidth = 30;

// A progress bar on standard error when that is a terminal.
int show_progress(void*, const char* phase, int64_t done, int64_t total) {
  static const bool terminal = isatty(STDERR_FILENO);
  if (!terminal || total <= 0) return 0;
  const int filled = static_cast<int>(kBarWidth * done / total);
  std::string bar(static_cast<size_t>(filled), '#');
  bar.resize(kBarWidth, '.');
  std::fprintf(stderr, "\r%-10s [%s] %lld/%lld", phase, bar.c_str(), static_cast<long long>(done), static_cast<long long>(total));
  if (done >= total) std::fprintf(stderr, "\r%-60s\r", "");
  std::fflush(stderr);
  return 0;
}

// Single quotes keep a shell from reading anything in the text.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (char c : text) {
    if (c == '\'') result += "'\\''";
    else result += c;
  }
  return result + "'";
}

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

}  // namespace

int run_check(void* user, const char* engine_path) {
  std::string command = *static_cast<const std::string*>(user);
  const size_t place = command.find("{}");
  if (place == command.npos) command += " " + quoted(engine_path);
  else command.replace(place, 2, quoted(engine_path));
  std::fflush(nullptr);
  const int status = std::system(command.c_str());
  if (status == -1 || !WIFEXITED(status) || WEXITSTATUS(status) > 125) {
    std::fprintf(stderr, "sinter: the check could not be run, or was stopped: %s\n", command.c_str());
    return -1;
  }
  return WEXITSTATUS(status) == 0 ? 1 : 0;
}

void require(sinter_status status) {
  if (status != SINTER_OK) throw Failure{sinter_last_error()};
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw Failure{"'" + path + "': can't be written; choose another place"};
}

uint64_t parse_size(const std::string& text) {
  if (text.empty()) return 0;
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  std::string suffix = CLI::detail::to_lower(end);
  if (suffix.size() > 1 && suffix.back() == 'b') suffix.pop_back();
  if (suffix.size() > 1 && suffix.back() == 'i') suffix.pop_back();
  double unit = 0;
  if (suffix.empty() || suffix == "b") unit = 1;
  if (suffix == "k") unit = 1024.0;
  if (suffix == "m") unit = 1024.0 * 1024;
  if (suffix == "g") unit = 1024.0 * 1024 * 1024;
  const double bytes = std::floor(number * unit);
  if (end == text.c_str() || !(bytes >= 1) || bytes > 9e18) {
    throw CLI::ValidationError("found '" + text + "', expected a size such as 512MiB, 2GiB or 1000000");
  }
  return static_cast<uint64_t>(bytes);
}

void BuildFlags::add_to(CLI::App& app) {
  app.add_option("--threads", threads_, "threads; default: the cores this process may use")->check(CLI::PositiveNumber);
  app.add_option("--timing-cache,--timingCacheFile", timing_cache_,
                 "file of timings, read and updated; safe for several processes");
  const auto one = [](CLI::Option* option) { option->allow_extra_args(false); };
  one(app.add_option("--shapes,--optShapes", shapes_, "shapes of inputs: NAME:1x3x224x224,...; with --min-shapes or --max-shapes what is tuned for"));
  one(app.add_option("--min-shapes,--minShapes", min_shapes_, "smallest shapes of dynamic inputs; given several times with --max-shapes (and --shapes): optimization profiles"));
  one(app.add_option("--max-shapes,--maxShapes", max_shapes_, "largest shapes of dynamic inputs"));
  one(app.add_option("--shapes-to-warm", warm_, "shapes that contexts of the engine make ready for when they are created; may be repeated"));
  app.add_flag("--dynamic-batch", dynamic_batch_, "make a fixed leading 1 of the inputs dynamic (with --shapes: of the size given there)");
  app.add_flag("--noTF32", no_tf32_, "full fp32 accuracy in convolutions and matrix products");
  app.add_flag("--fp16", fp16_, "permit fp16");
  app.add_flag("--bf16", bf16_, "permit bf16");
  app.add_flag("--int8", int8_, "permit int8");
  app.add_flag("--fp8", fp8_, "pass values through fp8 (e4m3) where ranges are known, whatever it costs");
  app.add_flag("--best", best_, "permit fp16, bf16 and, where ranges are known, int8: the fastest is taken");
  app.add_flag("--stronglyTyped", strongly_typed_, "types are the model's own, whatever else is permitted");
  app.add_flag("--strict-nans", strict_nans_, "only kernels that propagate NaN");
  app.add_option("--workspace", workspace_, "most scratch memory of a layer (512MiB)");
  app.add_option("--max-build-memory", max_build_memory_, "most memory of the builder itself");
  app.add_option(
      "--device", device_,
      "cpu, cuda or cuda:N (the N-th GPU); default cpu; of bench and eval also several GPUs: cuda:all, or cuda:0,1");
  app.add_option(
         "--fallback", fallback_,
         "layers without a tactic: error (default for a GPU), reference (default for the CPU), or cpu: a CPU tactic")
      ->check(CLI::IsMember({"reference", "error", "cpu"}));
  app.add_option("--tactics", tactics_, "only tactics whose id begins so: cpu.,onednn.convolution");
  app.add_option("--tacticSources", tactic_sources_, "libraries beside Sinter's own kernels on a GPU: +CUBLAS_LT,+CUDNN (default none; -NAME removes)");
  app.add_option("--hardwareCompatibilityLevel", compatibility_,
                 "none (default), or ampere+: the engine runs on every later GPU, whose driver compiles its PTX once")
      ->check(CLI::IsMember({"none", "ampere+"}));
  app.add_flag("--target-only", target_only_, "leave the portable part out: smaller, but can't be re-tuned elsewhere");
  app.add_flag("--trace-passes", trace_passes_, "print one line a rewrite");
  app.add_option("--stop-after-patch", stop_after_patch_, "apply only the first N rewrites");
  app.add_option("--disable-passes", disabled_passes_, "names of passes to skip, comma-separated");
  app.add_flag("--verbose", verbose_, "print every offer and refusal");
}

void BuildFlags::add_plugin_check(CLI::App& app) {
  app.add_flag("--check-plugins", check_plugins_, "try the kernels of plugins first, in a child process between guard pages");
}

void BuildFlags::add_calibration(CLI::App& app) {
  app.add_option("--calib-data", calib_data, "samples to calibrate int8 with: a folder of .jpg/.png, .npy, .npz or .bin files, or a .txt that lists files");
  app.add_option("--preprocess", preprocess, "JSON file that says how the network takes pictures");
  app.add_option("--calib-cache", calib_cache, "calibration cache (TensorRT's form): read when it has entries, else written");
  app.add_option("--calib-algorithm", calib_algorithm_, "how ranges are chosen; default entropy")->check(CLI::IsMember({"entropy", "minmax", "percentile", "mse"}));
  app.add_option("--calib-percentile", calib_percentile_, "of --calib-algorithm percentile; default 99.99")->check(CLI::Range(1e-6, 100.0));
  app.add_option("--calib-batch", calib_batch_, "samples of a calibrator batch; default 32")->check(CLI::PositiveNumber);
  app.add_option("--max-samples", calib_samples_, "use only so many samples, from the first on")->check(CLI::PositiveNumber);
}

void BuildFlags::add_target(CLI::App& app) {
  app.add_option("--data", calib_data, "the same as --calib-data");
  app.add_option("--latency", latency_, "the engine must be this fast (5ms): fp16 is tried first, then int8 where there are samples, within --max-drop or --min-cosine");
  app.add_option("--max-drop", max_drop_, "with --int8: layers stay in float until accuracy on the samples drops by no more than this (0.5%)");
  app.add_option("--min-cosine", min_cosine_, "with --int8: until every output's cosine with f32's is at least this (0.99)")->check(CLI::Range(0.0, 1.0));
  app.add_option("--check", check_, "with --int8: until this command, which gets an engine's path ({}, or its last argument), exits with 0; 1 to 125: not good enough");
  app.add_option("--labels", labels_, "CSV file of the samples' classes (file,class_index), for --max-drop; without it a changed class counts as lost");
}

void BuildFlags::add_board(CLI::App& app) {
  app.add_option("--target", board_,
                 "build for a board that is not this machine: orin-nano, orin-nx, agx-orin; tactics are chosen by "
                 "--timing-cache of such a board, else by estimates");
}

void BuildFlags::add_constraints(CLI::App& app) {
  app.add_option("--float-layers", float_layers_, "layers that stay in float: names of nodes, comma-separated");
  app.add_option("--precisionConstraints", constraints_, "what --layerPrecisions and --layerOutputTypes mean: none (default): nothing; prefer: where possible; obey: else fail")
      ->check(CLI::IsMember({"none", "prefer", "obey"}));
  app.add_option("--layerPrecisions", layer_precisions_, "types of layers: NAME:TYPE,... with fp32, fp16, bf16, fp8, int8 or int32; '*' in a name stands for any characters, later entries override");
  app.add_option("--layerOutputTypes", layer_output_types_, "types of layers' results: NAME:TYPE+TYPE,...; one type is for all outputs");
}

void BuildFlags::add_loading(CLI::App& app) {
  app.add_option("--trust", trust_, "whose device code an engine for a GPU may hold besides this user's: public keys (PEM files), or 'any'");
  app.add_option("--cache-dir", cache_dir_, "folder of engines: what is built for a model, these options and this machine is kept there and loaded the next time");
  app.add_option("--cache-size", cache_size_, "most bytes of --cache-dir (2GiB); default 8GiB");
  app.add_flag("--strict", strict_, "refuse an engine of another machine instead of re-tuning it");
}

// "0.5%" or "0.005": a share.
double parse_share(const std::string& text) {
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  const std::string rest = end;
  if (rest == "%") value /= 100;
  if (end == text.c_str() || (!rest.empty() && rest != "%") || !(value >= 0 && value <= 1)) {
    throw CLI::ValidationError("--max-drop: found '" + text + "', expected a share such as 0.5% or 0.005");
  }
  return value;
}

// "5ms", "800us", "0.01s" or "5": milliseconds.
double parse_latency(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  const std::string unit = end;
  const double scale = unit == "us" ? 1e-3 : unit == "s" ? 1e3 : 1;
  if (end == text.c_str() || !(value > 0) || !(unit.empty() || unit == "ms" || unit == "us" || unit == "s")) {
    throw CLI::ValidationError("--latency: found '" + text + "', expected a time such as 5ms, 800us or 0.01s");
  }
  return value * scale;
}

// The N-th of each is profile N's.
void BuildFlags::set_shapes() {
  warm_text_.clear();
  for (const std::string& set : warm_) warm_text_ += (warm_text_.empty() ? "" : ";") + set;
  options_.shapes_to_warm = or_null(warm_text_);
  const size_t count = std::max({shapes_.size(), min_shapes_.size(), max_shapes_.size()});
  const auto at = [](const std::vector<std::string>& list, size_t index) { return index < list.size() ? or_null(list[index]) : nullptr; };
  if (count <= 1) {
    options_.shapes = at(shapes_, 0);
    options_.min_shapes = at(min_shapes_, 0);
    options_.max_shapes = at(max_shapes_, 0);
    return;
  }
  for (const auto* list : {&shapes_, &min_shapes_, &max_shapes_}) {
    if (list->empty() || list->size() == count) continue;
    throw CLI::ValidationError("found --shapes " + std::to_string(shapes_.size()) + " times, --min-shapes " + std::to_string(min_shapes_.size()) + " times and --max-shapes " +
                               std::to_string(max_shapes_.size()) + " times, expected each as often as there are optimization profiles, or not at all");
  }
  profiles_.clear();
  for (size_t p = 0; p < count; ++p) profiles_.push_back({at(min_shapes_, p), at(shapes_, p), at(max_shapes_, p)});
  options_.optimization_profiles = profiles_.data();
  options_.optimization_profile_count = count;
}

const sinter_build_options* BuildFlags::get() {
  sinter_build_options_init(&options_);
  if (!max_drop_.empty()) options_.max_drop = parse_share(max_drop_);
  options_.min_cosine = min_cosine_;
  if (!check_.empty()) options_.accuracy_check = run_check, options_.accuracy_check_user = &check_;
  options_.calib_labels = or_null(labels_);
  options_.float_layers = or_null(float_layers_);
  options_.precision_constraints = or_null(constraints_);
  options_.layer_precisions = or_null(layer_precisions_);
  options_.layer_output_types = or_null(layer_output_types_);
  options_.threads = threads_;
  options_.timing_cache = or_null(timing_cache_);
  set_shapes();
  options_.tf32 = !no_tf32_;
  options_.fp16 = fp16_;
  options_.bf16 = bf16_;
  options_.int8 = int8_;
  options_.best = best_;
  options_.strongly_typed = strongly_typed_;
  options_.fp8 = fp8_;
  if (!latency_.empty()) options_.latency_ms = parse_latency(latency_);
  options_.strict_nans = strict_nans_;
  options_.workspace_bytes = parse_size(workspace_);
  options_.max_build_memory_bytes = parse_size(max_build_memory_);
  options_.fallback = fallback_ == "error" ? SINTER_FALLBACK_ERROR : fallback_ == "cpu" ? SINTER_FALLBACK_CPU
                      : fallback_ == "reference" ? SINTER_FALLBACK_REFERENCE : SINTER_FALLBACK_DEFAULT;
  options_.device = device_.empty() ? nullptr : device_.c_str();
  options_.target_only = target_only_;
  options_.trace_passes = trace_passes_;
  options_.stop_after_patch = stop_after_patch_;
  options_.disabled_passes = or_null(disabled_passes_);
  options_.tactic_filter = or_null(tactics_);
  options_.tactic_sources = or_null(tactic_sources_);
  options_.hardware_compatibility = or_null(compatibility_);
  options_.target = or_null(board_);
  options_.report_path = or_null(report_path);
  options_.verbose = verbose_;
  options_.dynamic_batch = dynamic_batch_;
  options_.strict = strict_;
  options_.trust = or_null(trust_);
  options_.cache_dir = or_null(cache_dir_);
  options_.cache_bytes = parse_size(cache_size_);
  options_.calib_data = or_null(calib_data);
  options_.preprocess = or_null(preprocess);
  options_.calib_cache = or_null(calib_cache);
  options_.calib_algorithm = or_null(calib_algorithm_);
  options_.calib_percentile = calib_percentile_;
  options_.calib_batch = calib_batch_;
  options_.calib_max_samples = calib_samples_;
  options_.check_plugins = check_plugins_;
  options_.progress = show_progress;
  return &options_;
}

CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& description, const std::string& examples) {
  CLI::App* command = app.add_subcommand(name, description);
  command->footer("examples:\n" + examples);
  const auto load = [](const std::vector<std::string>& libraries) {
    for (const std::string& library : libraries) require(sinter_plugin_load(library.c_str()));
  };
  command->add_option_function<std::vector<std::string>>("--plugins", load, "libraries that add operators (sinter/plugin.h): F.so,...; may be repeated")->delimiter(',')->allow_extra_args(false);
  return command;
}

}  // namespace sinter::tool
