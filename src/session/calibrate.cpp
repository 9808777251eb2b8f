#include "session/calibrate.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <utility>
#include <chrono>
#include <cstdio>
#include <set>

#include "base/files.h"
#include "base/log.h"
#include "onnx/inspect.h"
#include "quant/calibration_cache.h"
#include "session/calibrate_state.h"
#include "session/duplicates.h"
#include "session/run.h"

namespace sinter::session {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kAdvisedSamples = 500;
constexpr double kSaveEverySeconds = 5;
constexpr float kGrown = 1.01f;  // a range that the last batch made larger by more than this is still growing

class Job {
 public:
  Job(const BuildRequest& request, const CalibrateOptions& options) : request_(request), options_(options), collector_(std::make_shared<Collector>()) {}

  Result<CalibrateReport> run() {
    SINTER_TRY(open());
    const auto start = Clock::now();
    SINTER_TRY(feed_all());
    report_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (state_.samples == 0) return make_error(Code::kInvalidArgument, "calibration: found no sample, expected some; give data with --calib-data");
    for (const auto& [name, entry] : collector_->entries()) {
      const float range = quant::choose_range(entry.histogram, options_.ranges);
      for (const std::string& each : entry.names) {
        report_.calibration.ranges[each] = range;
        if (options_.keep_histograms) report_.calibration.histograms[each] = entry.histogram;
      }
    }
    report_.calibration.algorithm = quant::to_string(options_.ranges);
    report_.calibration.samples = state_.samples;
    report_.skipped = state_.skipped;
    if (options_.warn) warn_of_all();
    if (!options_.cache.empty()) {
      SINTER_ASSIGN(const std::string text, quant::to_text(quant::to_cache(report_.calibration, options_.ranges.algorithm)));
      SINTER_TRY(write_file(options_.cache, text));
      std::remove(state_path().c_str());
    }
    return std::move(report_);
  }

 private:
  std::string state_path() const { return options_.cache + ".resume"; }
  bool resumable() const { return !options_.cache.empty() && !options_.data.empty() && !options_.source; }

  Status open() {
    engine_ = options_.engine;
    if (!engine_) {
      SINTER_ASSIGN(engine_, load_any(plain_request(request_)));
    }
    runtime::ContextOptions how;
    how.threads = request_.build.threads;
    how.watcher = collector_;
    SINTER_ASSIGN(context_, runtime::ExecutionContext::create(engine_, how));
    if (options_.source) {
      source_ = split_batches(*engine_, options_.source);
      return ok_status();
    }
    if (!options_.has_samples() && options_.placeholders) {
      source_ = [this, given = false](size_t) mutable -> Result<std::optional<std::vector<Tensor>>> {
        if (std::exchange(given, true)) return std::optional<std::vector<Tensor>>();
        SINTER_ASSIGN(const std::vector<Value> values, random_inputs(*engine_, 0, request_.shapes));
        std::vector<Tensor> sample;
        for (const Value& value : values) sample.push_back(value.tensor());
        return std::optional<std::vector<Tensor>>(std::move(sample));
      };
      return ok_status();
    }
    std::optional<data::Preprocess> preprocess;
    if (!options_.preprocess.empty()) {
      SINTER_ASSIGN(preprocess, data::read_preprocess(options_.preprocess));
    }
    SINTER_ASSIGN(const auto specs, input_specs(*engine_));
    SINTER_ASSIGN(dataset_, data::open_dataset(options_.data, specs, preprocess));
    total_ = dataset_->size();
    if (options_.max_samples > 0) total_ = std::min(total_, static_cast<size_t>(options_.max_samples));
    if (!resumable()) return ok_status();
    SINTER_ASSIGN(state_.key, key_of());
    SINTER_ASSIGN(const auto found, load_state(state_path(), state_.key, *collector_));
    if (!found) return ok_status();
    state_ = *found;
    report_.resumed = state_.samples;
    log(Severity::kInfo, "calibration: goes on after the {} samples of the run that was interrupted ('{}')", state_.samples, state_path());
    return ok_status();
  }

  // Model, data and preprocessing in one word.
  Result<std::string> key_of() const {
    std::string text = engine_->file().manifest().model_hash + "\n";
    for (size_t i = 0; i < total_; ++i) text += dataset_->name(i) + "\n";
    if (!options_.preprocess.empty()) {
      SINTER_ASSIGN(const std::string preprocess, read_file(options_.preprocess));
      text += preprocess;
    }
    return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  }

  std::string name_of_sample(int64_t position) const { return dataset_ ? dataset_->name(static_cast<size_t>(position)) : fmt::format("sample {}", position); }

  // The samples' names go beside them, since the feeder may look ahead.
  Status feed_all() {
    std::optional<data::SampleReader> reader;
    if (dataset_) reader.emplace(*dataset_, static_cast<size_t>(state_.position), total_);
    std::vector<std::pair<std::string, size_t>> given;  // name, and the position after it
    int64_t called = 0;
    Feeder feeder(*engine_, [&](size_t inputs) -> Result<std::optional<std::vector<Tensor>>> {
      if (!reader && options_.max_samples > 0 && called >= options_.max_samples) return std::optional<std::vector<Tensor>>();
      SINTER_ASSIGN(auto sample, reader ? reader->next() : source_(inputs));
      if (!sample) return sample;
      given.emplace_back(name_of_sample(reader ? static_cast<int64_t>(reader->index()) : called), reader ? reader->position() : 0);
      ++called;
      if (!sample->empty()) duplicates_.add(given.back().first, sample->front());
      return sample;
    }, options_.batch);
    const int64_t skipped_before = state_.skipped;
    auto saved = Clock::now();
    for (;;) {
      const auto wanted_total = static_cast<int64_t>(total_);
      if (options_.progress && !options_.progress(dataset_ ? state_.position : state_.samples, wanted_total)) {
        if (resumable()) SINTER_TRY(save_state(state_path(), state_, *collector_));
        return make_error(Code::kCancelled, "calibration: stopped after {} samples{}", state_.samples,
                          resumable() ? "; the same command goes on from there" : "");
      }
      SINTER_ASSIGN(auto feed, feeder.next());
      if (!feed) return ok_status();
      note_batch(feed->samples);
      SINTER_TRY(run_one(*feed, given));
      state_.samples += static_cast<int64_t>(feed->samples);
      if (reader) {
        state_.position = static_cast<int64_t>(given[feed->samples - 1].second);
        state_.skipped = skipped_before + static_cast<int64_t>(reader->skipped());
      }
      given.erase(given.begin(), given.begin() + static_cast<std::ptrdiff_t>(feed->samples));
      if (resumable() && std::chrono::duration<double>(Clock::now() - saved).count() > kSaveEverySeconds) {
        SINTER_TRY(save_state(state_path(), state_, *collector_));
        saved = Clock::now();
      }
    }
  }

  Status run_one(const Feed& feed, const std::vector<std::pair<std::string, size_t>>& given) {
    std::string names = "'" + given[0].first + "'";
    if (feed.samples > 1) names += fmt::format(" to '{}'", given[feed.samples - 1].first);
    collector_->set_sample(names);
    if (feed.inputs.size() != engine_->inputs().size()) {
      return make_error(Code::kInvalidArgument, "calibration: a sample has {} tensors, expected {}, one an input", feed.inputs.size(), engine_->inputs().size());
    }
    for (size_t i = 0; i < feed.inputs.size(); ++i) {
      if (feed.inputs[i].is_tensor()) SINTER_TRY(collector_->add_input(engine_->inputs()[i].name, feed.inputs[i].tensor()));
    }
    auto results = context_->run(feed.inputs);
    return results.ok() ? ok_status() : std::move(results).status().with("while calibrating with " + names);
  }

  // Remembers the largest values as they were before the last batch of the calibrator.
  void note_batch(size_t samples) {
    in_batch_ += static_cast<int64_t>(samples);
    if (begun_ && in_batch_ <= std::max<int64_t>(1, options_.batch)) return;
    begun_ = true;
    in_batch_ = static_cast<int64_t>(samples);
    before_batch_.clear();
    for (const auto& [name, entry] : collector_->entries()) before_batch_[name] = entry.histogram.largest();
  }

  void warn(std::string text) {
    log(Severity::kWarning, "{}", text);
    report_.warnings.push_back(std::move(text));
  }

  void warn_of_all() {
    if (state_.samples < kAdvisedSamples) warn(fmt::format("calibration: {} samples, fewer than the {} that are advised; ranges may miss what rare inputs reach", state_.samples, kAdvisedSamples));
    if (const Duplicates::Finding found = duplicates_.find(); found.count > 0) {
      warn(fmt::format("calibration: {} of {} samples are nearly equal to another one ('{}' and '{}'); they add little, use others", found.count, state_.samples, found.first, found.second));
    }
    int64_t growing = 0;
    float most = 1;
    std::string which;
    for (const auto& [name, entry] : collector_->entries()) {
      const auto before = before_batch_.find(name);
      if (before == before_batch_.end() || before->second <= 0 || entry.histogram.largest() <= before->second * kGrown) continue;
      ++growing;
      if (const float ratio = entry.histogram.largest() / before->second; ratio > most) most = ratio, which = name;
    }
    if (growing > 0) {
      warn(fmt::format("calibration: the largest values of {} of {} tensors still grew in the last batch ({} samples), that of '{}' most, by {:.0f} %; use more samples",
                       growing, collector_->entries().size(), in_batch_, which, (most - 1) * 100));
    }
    std::string constants;
    int64_t count = 0;
    for (const auto& [name, entry] : collector_->entries()) {
      constexpr int64_t kMostNames = 5;
      if (entry.histogram.constant() && ++count <= kMostNames) constants += fmt::format("{}'{}' = {}", count > 1 ? ", " : "", name, entry.histogram.min());
    }
    if (count > 0) warn(fmt::format("calibration: {} tensors never change: {}{}; their ranges mean little, look at the data and the model", count, constants, count > 5 ? ", …" : ""));
    int64_t infinite = 0;
    std::string first;
    for (const auto& [name, entry] : collector_->entries()) {
      if (entry.histogram.infinities() > 0 && infinite++ == 0) first = name;
    }
    if (infinite > 0) warn(fmt::format("calibration: {} tensors hold infinities, '{}' first; they were left out of the ranges", infinite, first));
    if (state_.skipped > 0) warn(fmt::format("calibration: {} damaged samples were skipped", state_.skipped));
  }

  const BuildRequest& request_;
  const CalibrateOptions& options_;
  std::shared_ptr<Collector> collector_;
  std::shared_ptr<const runtime::Engine> engine_;
  std::unique_ptr<runtime::ExecutionContext> context_;
  std::unique_ptr<data::Dataset> dataset_;
  SampleSource source_;
  size_t total_ = 0;
  CalibrateState state_;
  CalibrateReport report_;
  Duplicates duplicates_;
  std::map<std::string, float> before_batch_;
  int64_t in_batch_ = 0;
  bool begun_ = false;
};

bool is_quantized_operator(std::string_view name) {
  return name.find("QuantizeLinear") != name.npos || name.find("DequantizeLinear") != name.npos || name.find("QLinear") != name.npos ||
         name.ends_with("Integer") || name.ends_with("QGemm") || name.find("MatMulNBits") != name.npos;
}

// Every name that a tensor of the model has.
void collect_names(const ir::Graph& graph, std::set<std::string, std::less<>>& names) {
  for (const auto& [id, value] : graph.values()) {
    names.insert(value->name);
    names.insert(value->onnx_names.begin(), value->onnx_names.end());
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& [attribute, body] : node->subgraphs) collect_names(*body, names);
  }
}

quant::Calibration placeholder_ranges(const ir::Graph& graph) {
  constexpr float kOfInputs = 2, kOfOthers = 4;
  quant::Calibration calibration;
  calibration.algorithm = "placeholders";
  std::set<std::string, std::less<>> names;
  collect_names(graph, names);
  for (const std::string& name : names) calibration.ranges[name] = kOfOthers;
  for (const ir::Value* input : graph.inputs) calibration.ranges[input->name] = kOfInputs;
  return calibration;
}

}  // namespace

Status resolve_int8(BuildRequest& request, const CalibrateOptions& options) {
  const bool given = options.has_samples() || !options.cache.empty();
  Precision& precision = request.build.precision;
  if (!precision.int8 && !request.fp8) {
    const char* why = request.strongly_typed ? "--stronglyTyped keeps the model's types" : "int8 is not permitted; add --int8";
    if (given) log(Severity::kWarning, "calibration data or a cache was given, but {}", why);
    return ok_status();
  }
  if (is_engine_file(request.model_path)) return ok_status();
  SINTER_ASSIGN(const onnx::ModelInfo info, onnx::inspect_model(request.model_path));
  const bool quantized = std::any_of(info.operators.begin(), info.operators.end(), [](const auto& op) { return is_quantized_operator(op.first); });
  if (quantized) {
    if (given) log(Severity::kWarning, "'{}' says its quantization itself (Q/DQ); calibration data and cache are ignored", request.model_path);
    return ok_status();
  }
  SINTER_ASSIGN(std::optional<quant::Calibration> calibration, obtain_calibration(request, options));
  if (!calibration && options.placeholders) {
    onnx::ImportOptions silent = request.import;
    silent.warn = nullptr;
    SINTER_ASSIGN(const ir::Model model, onnx::import_model(request.model_path, silent));
    calibration = placeholder_ranges(*model.graph);
    log(Severity::kWarning, "int8: nothing says the ranges of '{}', so placeholders are used: times are those of int8, results are meaningless", request.model_path);
  }
  if (!calibration && request.int8_where_known) {
    precision.int8 = false;
    request.notes.push_back("int8: takes no part: nothing says ranges (calibration data, a cache, or Q/DQ in the model)");
    log(Severity::kInfo, "{}", request.notes.back());
    return ok_status();
  }
  if (!calibration) {
    return make_error(Code::kInvalidArgument, "{}: nothing says the ranges of '{}', expected one of: calibration data (--calib-data DIR), a calibration cache (--calib-cache "
                      "FILE), or QuantizeLinear/DequantizeLinear in the model", request.fp8 ? "fp8" : "int8", request.model_path);
  }
  request.calibration = std::make_shared<const quant::Calibration>(std::move(*calibration));
  return ok_status();
}

Result<CalibrateReport> calibrate(const BuildRequest& request, const CalibrateOptions& options) {
  const quant::RangeOptions& ranges = options.ranges;
  if (ranges.algorithm == quant::Algorithm::kPercentile && !(ranges.percentile > 0 && ranges.percentile <= 100)) {
    return make_error(Code::kInvalidArgument, "calibration: percentile {}, expected more than 0 and at most 100; 99.99 is usual", ranges.percentile);
  }
  if (is_engine_file(request.model_path)) {
    return make_error(Code::kInvalidArgument, "'{}' is an engine, whose tensors are fused already; calibrate the .onnx model", request.model_path);
  }
  return Job(request, options).run();
}

Result<quant::Calibration> read_calibration(const std::string& path, const std::string& model_path, const onnx::ImportOptions& import) {
  SINTER_ASSIGN(const std::string text, read_file(path));
  SINTER_ASSIGN(const quant::CalibrationCache cache, quant::parse_calibration_cache(text, path));
  log(Severity::kInfo, "calibration cache '{}': first line '{}', {} tensors; any version is taken", path, cache.header, cache.scales.size());
  onnx::ImportOptions silent = import;
  silent.warn = nullptr;
  SINTER_ASSIGN(const ir::Model model, onnx::import_model(model_path, silent));
  std::set<std::string, std::less<>> names;
  collect_names(*model.graph, names);
  size_t foreign = 0, own = 0;
  std::string list;
  constexpr size_t kMostNames = 20;
  for (const auto& [name, scale] : cache.scales) {
    if (names.contains(name)) {
      ++own;
    } else if (!name.starts_with("(Unnamed Layer*") && foreign++ < kMostNames) {
      list += fmt::format("{}'{}'", list.empty() ? "" : ", ", name);
    }
  }
  if (foreign > kMostNames) list += fmt::format(" and {} more", foreign - kMostNames);
  if (foreign > own) {
    return make_error(Code::kInvalidArgument, "calibration cache '{}': it is of another network: {} of its {} tensors are not in '{}': {}; remove the file, or give the one of this "
                      "model", path, foreign, cache.scales.size(), model_path, list);
  }
  if (foreign > 0) log(Severity::kWarning, "calibration cache '{}': {} of its {} tensors are not in '{}' and are left out: {}", path, foreign, cache.scales.size(), model_path, list);
  return quant::to_calibration(cache);
}

Result<std::optional<quant::Calibration>> obtain_calibration(const BuildRequest& request, const CalibrateOptions& options) {
  if (!options.cache.empty()) {
    const Result<std::string> text = read_file(options.cache);
    if (!text.ok() && text.status().code() != Code::kNotFound) return text.status();
    if (text.ok() && !text->empty()) {
      SINTER_ASSIGN(quant::Calibration calibration, read_calibration(options.cache, request.model_path, request.import));
      if (!calibration.ranges.empty()) return std::optional<quant::Calibration>(std::move(calibration));
    }
    if (!options.has_samples() && !options.placeholders) {
      return make_error(Code::kNotFound, "calibration cache '{}': {}, and no calibration data was given to fill it; give --calib-data DIR", options.cache,
                        text.ok() ? "it has no entries" : "there is no such file");
    }
  }
  if (!options.has_samples() && (options.cache.empty() || !options.placeholders)) return std::optional<quant::Calibration>();
  SINTER_ASSIGN(CalibrateReport report, calibrate(request, options));
  return std::optional<quant::Calibration>(std::move(report.calibration));
}

}  // namespace sinter::session
