// Automatic mixed precision: an int8 engine that meets a target of accuracy, with as few layers in higher precision as it takes.
//
// What is tried, in this order, each kept where it brings the outputs nearer to f32's: the calibration algorithms for the whole network; equalization of
// channels, within the network and with products of its own (smoothing of transformers); rounding of weights with feedback; the correction of what quantized weights do to means; other algorithms for the tensors of the most sensitive layers. If the target is not met then,
// each layer's own error (it alone in int8) is measured, and layers go back to f32 in the order of squared error per microsecond saved, as many as the
// target needs; of these the ones that turn out not to be needed are quantized again. At last layers that int8 makes no faster go back too.
#pragma once

#include "session/accuracy.h"
#include "session/calibrate.h"

namespace sinter::session {

struct AccuracyTarget {
  // Share of samples (0.005 = half a percent): Agreement::drop. With it the share of samples with another top-1, counted and expected, may be four times
  // as large, and the mean cosine must be within an eighth of it of 1: a drop measured on a few hundred samples alone says little about others.
  std::optional<double> max_drop;
  std::optional<double> min_cosine;  // Agreement::cosine
  std::function<Result<bool>(const std::string& engine_path)> check;  // what an engine is for: asked when the figures are met; an error ends the build

  bool met_by(const Agreement& agreement) const;
  std::string to_string() const;
};

struct MixedOptions {
  AccuracyTarget target;
  CalibrateOptions calibrate;  // data and preprocessing; the algorithm is chosen here
  std::string labels;          // of the data (data/labels.h); "": none
  int64_t most_samples = 500;  // that the target is measured on
  int64_t scan_samples = 16;   // that layers are compared on
  // Called often; false: cancel.
  std::function<bool(std::string_view phase, int64_t done, int64_t total)> progress;
};

struct KeptLayer {
  std::string node;
  double error = 0;                // relative error of the outputs when it alone is in int8
  double int8_us = 0, f32_us = 0;  // as tuned; f32: of the permitted floats
  std::string reason;              // "accuracy", "not faster"
};

struct MixedReport {
  std::vector<std::string> steps;  // what was tried and what it did, for people
  std::vector<KeptLayer> kept;
  int64_t dense_layers = 0, quantized_layers = 0;
  Agreement all_int8, result;      // before and after
  double all_int8_us = 0, result_us = 0, f32_us = 0;  // predicted

  std::vector<std::string> lines() const;
};

struct MixedOutcome {
  BuildOutcome built;
  MixedReport report;
};

// kUnsupported: no engine meets the target; the message has the best that was reached.
Result<MixedOutcome> build_mixed(const BuildRequest& request, const MixedOptions& options);

}  // namespace sinter::session
