// What the subcommands share: the build options, messages, progress, exit codes.
#pragma once

#include <sinter/sinter.h>

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

namespace sinter::tool {

// Exit codes of every command.
constexpr int kDone = 0, kFailed = 1, kUsage = 2;

// Throwing this ends the command with code 1 and the message on standard error.
struct Failure {
  std::string message;
};
// Throws Failure with the library's message when the status is not SINTER_OK.
void require(sinter_status status);

struct Free {
  void operator()(void* memory) const { sinter_free(memory); }
  void operator()(sinter_engine* engine) const { sinter_engine_free(engine); }
  void operator()(sinter_context* context) const { sinter_context_free(context); }
  void operator()(sinter_array* array) const { sinter_array_free(array); }
};
using Text = std::unique_ptr<char, Free>;
using Engine = std::unique_ptr<sinter_engine, Free>;
using Context = std::unique_ptr<sinter_context, Free>;
using Array = std::unique_ptr<sinter_array, Free>;

// The options of everything that builds. add_to() declares them on a command; get() makes the C struct (valid while this lives).
class BuildFlags {
 public:
  void add_to(CLI::App& app);
  // --calib-data and the like, --preprocess included.
  void add_calibration(CLI::App& app);
  // --max-drop and the like.
  void add_target(CLI::App& app);
  // --target.
  void add_board(CLI::App& app);
  // --layerPrecisions and the like.
  void add_constraints(CLI::App& app);
  // --strict, --trust and --cache-dir, for commands that load engines.
  void add_loading(CLI::App& app);
  // --check-plugins, for commands that build.
  void add_plugin_check(CLI::App& app);
  const sinter_build_options* get();
  int threads() const { return threads_; }
  const std::string& device() const { return device_; }
  void set_device(const std::string& device) { device_ = device; }
  bool caches() const { return !cache_dir_.empty(); }
  void set_threads(int threads) { threads_ = threads; }
  void set_dynamic_batch() { dynamic_batch_ = true; }
  std::string shapes() const { return shapes_.empty() ? "" : shapes_[0]; }  // of the first profile
  int max_samples() const { return calib_samples_; }
  std::string report_path;
  std::string preprocess, calib_cache, calib_data;

 private:
  void set_shapes();
  int threads_ = 0;
  std::vector<std::string> shapes_, min_shapes_, max_shapes_;  // one a profile
  std::vector<sinter_optimization_profile> profiles_;
  std::vector<std::string> warm_;
  std::string warm_text_, timing_cache_, workspace_, max_build_memory_, fallback_, device_, trust_, cache_dir_, cache_size_;
  std::string disabled_passes_, tactics_, tactic_sources_, compatibility_, board_;
  bool no_tf32_ = false, fp16_ = false, bf16_ = false, int8_ = false, strict_nans_ = false, target_only_ = false, trace_passes_ = false;
  bool verbose_ = false, dynamic_batch_ = false, strict_ = false, best_ = false, strongly_typed_ = false, fp8_ = false, check_plugins_ = false;
  int64_t stop_after_patch_ = -1;
  std::string calib_algorithm_;
  std::string latency_, max_drop_, check_, labels_, float_layers_, constraints_, layer_precisions_, layer_output_types_;
  double min_cosine_ = -1;
  double calib_percentile_ = 0;
  int calib_batch_ = 0, calib_samples_ = 0;
  sinter_build_options options_;
};

// Runs the command that `user` (a std::string) has, for sinter_build_options and sinter_debug_options: the engine's path takes the place of {}, or is the
// last argument. Exit code 0: good; 1 to 125: bad; beyond: no such command, or killed.
int run_check(void* user, const char* engine_path);

// Writes a text to a file; Failure when it can't.
void write_text(const std::string& path, const std::string& text);

// Bytes of "512MiB", "2G", "1000"; usage error otherwise.
uint64_t parse_size(const std::string& text);

// The commands. Each declares itself on the app and runs when chosen.
void add_build(CLI::App& app);
void add_retune(CLI::App& app);
void add_sign(CLI::App& app);
void add_run(CLI::App& app);
void add_bench(CLI::App& app);
void add_inspect(CLI::App& app);
void add_check(CLI::App& app);
void add_operators(CLI::App& app);
void add_tactics(CLI::App& app);
void add_conformance(CLI::App& app);
void add_doctor(CLI::App& app);
void add_cache(CLI::App& app);
void add_calibrate(CLI::App& app);
void add_eval(CLI::App& app);
void add_compare(CLI::App& app);
void add_debug(CLI::App& app);
void add_simplify(CLI::App& app);
void add_zoo(CLI::App& app);
void add_memory(CLI::App& app);
void add_monitor(CLI::App& app);
void add_surgeon(CLI::App& app);

// Adds a command with its examples to the help, and with --plugins.
CLI::App* add_command(CLI::App& app, const std::string& name, const std::string& description, const std::string& examples);

}  // namespace sinter::tool
