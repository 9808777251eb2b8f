// What a command line of trtexec asks for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "trtexec/arguments.h"

namespace sinter::tool::trtexec {

struct Shapes {
  std::vector<std::pair<std::string, std::string>> inputs;  // name (perhaps with one '*'), "1x3x224x224"
  std::string to_text() const;                              // "x:1x3x224x224,…"
};

struct Profile {
  Shapes min, opt, max;
};

enum class Verbosity { kNames, kDetailed, kNone };

struct Options {
  int generation = 10;
  std::string onnx, save_engine, load_engine;
  std::vector<Profile> profiles;
  Shapes shapes;
  int use_profile = 0;
  bool use_profile_given = false;
  bool fp16 = false, bf16 = false, int8 = false, fp8 = false, best = false, tf32 = true, strongly_typed = false;
  std::string constraints, layer_precisions, layer_output_types, calib;
  double workspace_mib = -1;  // negative: no limit
  std::string timing_cache, tactic_sources, compatibility;
  bool timing_cache_off = false, skip_inference = false, plan_version_only = false, time_deserialize = false;
  Verbosity verbosity = Verbosity::kNames;
  std::vector<std::pair<std::string, std::string>> load_inputs;  // name, file
  long iterations = 10, average_runs = 10;
  double warm_up_ms = 200, duration_s = 3, idle_ms = 0;
  int streams = 1;
  bool transfers = true;
  std::vector<double> percentiles{90, 95, 99};
  bool verbose = false, dump_output = false, dump_raw = false, dump_profile = false, dump_layers = false, dump_profiles = false;
  std::string export_profile, export_layers, export_times, export_output;
  std::vector<std::string> plugins;  // libraries, in the order of the command line
  std::string device;  // "": the first GPU, or the processor where there is none
  bool help = false;
  std::vector<std::string> notes, warnings;  // for the log
};

// Throws Error. All arguments are looked at: what is left over is an error that names each with the nearest flag.
Options parse_options(Arguments& arguments);

// A name of shapes, formats and inputs, where one '*' stands for any characters.
bool matches(const std::string& pattern, const std::string& name);

}  // namespace sinter::tool::trtexec
