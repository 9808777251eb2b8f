// Which layers are to blame: the smallest set of layers that must be in float for a check to pass.
//
// Layers are ordered by the error that each introduces alone; the fewest from the front with which the check passes are found by bisection, and of
// these the ones that it passes without are taken out again, in halves, quarters, … and one by one (delta debugging: Zeller and Hildebrandt 2002). What is left
// can't be made smaller by any one layer.
#pragma once

#include "session/accuracy.h"
#include "session/calibrate.h"

namespace sinter::session {

struct DebugOptions {
  CalibrateOptions calibrate;  // data and preprocessing: for ranges, for the order of layers and for the outputs' check
  // One of the three says whether an engine is good. The function gets a whole engine in a file; an error ends the search.
  std::optional<double> min_cosine;  // of every output with f32's, mean over the samples
  std::optional<double> max_error;   // relative L2 of every output from f32's
  std::function<Result<bool>(const std::string& engine_path)> check;
  // File of verdicts: written after each, read when it is there, so that an interrupted search goes on. "": none.
  std::string state;
  int64_t most_samples = 100;  // that outputs are compared on
  int64_t scan_samples = 8;    // that layers are ordered by
  std::function<bool(std::string_view phase, int64_t done, int64_t total)> progress;  // false: stop
};

struct DebugReport {
  std::vector<std::string> layers;   // the model's nodes that must be in float; {}: none
  std::vector<std::string> lines;    // what was tried, for people
  std::string flag;                  // that keeps them so: "--float-layers a,b"; "" when there are none
  int64_t candidates = 0;            // layers in lower precision
  int64_t checks = 0, remembered = 0;  // engines built and checked; verdicts of an earlier search
};

// kUnsupported: the check fails in f32 already.
Result<DebugReport> debug_precision(const BuildRequest& request, const DebugOptions& options);

// A set of `count` things that passes, none of which can be left out, when all together pass: fewest from the front, then made smaller. `passes` is asked about
// sorted places.
using PlaceCheck = std::function<Result<bool>(const std::vector<size_t>& places)>;
Result<std::vector<size_t>> smallest_passing_set(size_t count, const PlaceCheck& passes);

}  // namespace sinter::session
