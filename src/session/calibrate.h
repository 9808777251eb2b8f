// Calibration of a model: its optimised graph runs in f32 over samples, each tensor's values are counted, and an algorithm chooses its range.
#pragma once

#include "quant/calibrate.h"
#include "quant/calibration.h"
#include "session/feed.h"
#include "session/session.h"

namespace sinter::session {

struct CalibrateOptions {
  quant::RangeOptions ranges;
  // Where samples come from: a dataset (data/dataset.h) with the file that says how pictures are taken, or a function.
  std::string data, preprocess;
  SampleSource source;          // wins over `data`: one tensor an input a call; batches larger than the model's are fed sample by sample
  std::string cache;            // TensorRT's calibration cache; "": none
  int64_t batch = 32;           // samples of a calibrator batch
  int64_t max_samples = 0;      // of the dataset's beginning; 0: all
  bool keep_histograms = false;
  std::shared_ptr<const runtime::Engine> engine;  // the optimised model in f32, where the caller has built it; null: it is built
  bool warn = true;
  // As TensorRT's own tool does for builds whose speed alone matters: without samples and Q/DQ, a cache that is named but not there is made from one sample of
  // random values; without a cache, inputs get the range ±2 and all else ±4. Accuracy is meaningless then, which a warning says.
  bool placeholders = false;
  // Between runs; false: stop, leaving the state file. done and total count samples; total 0: not known.
  std::function<bool(int64_t done, int64_t total)> progress;

  bool has_samples() const { return !data.empty() || source != nullptr; }
};

struct CalibrateReport {
  quant::Calibration calibration;
  std::vector<std::string> warnings;  // logged too
  int64_t skipped = 0;                // damaged samples
  int64_t resumed = 0;                // samples whose statistics came from an interrupted run
  double seconds = 0;                 // of feeding and counting, without building the engine
};

// Runs the samples whatever a cache holds. With `cache`, what has been counted is kept beside it (CACHE.resume) every few seconds and when stopped; a
// later run with the same model, data and preprocessing goes on from there. The file goes when the calibration is whole; the cache is written then.
Result<CalibrateReport> calibrate(const BuildRequest& request, const CalibrateOptions& options);

// The ranges of a cache file, checked against the model: names of tensors that it does not have are listed in a warning, or in an error when hardly
// any fits. The file's first line is said in the log.
Result<quant::Calibration> read_calibration(const std::string& path, const std::string& model_path, const onnx::ImportOptions& import);

// Sets request.calibration for a build with build.precision.int8: from the cache or the samples. A model with QuantizeLinear, DequantizeLinear or other
// quantized operators says its ranges itself: calibrations are ignored then, with a warning. An error when nothing says them. Engines and builds without
// int8 are left as they are.
Status resolve_int8(BuildRequest& request, const CalibrateOptions& options);

// What a build for int8 takes: the cache when it has entries, else a calibration. nullopt: neither cache nor samples were given.
Result<std::optional<quant::Calibration>> obtain_calibration(const BuildRequest& request, const CalibrateOptions& options);

}  // namespace sinter::session
