// Automatic mixed precision (mixed_precision.h).
#include "session/mixed_precision.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "session/channel_means.h"
#include "session/fastest.h"
#include "session/round_weights.h"
#include "session/run.h"

namespace sinter::session {
namespace {

using Keep = std::set<std::string, std::less<>>;

constexpr size_t kMeanSamples = 32;       // for the correction of biases
constexpr size_t kPeakSamples = 64;       // for the scales of channels
constexpr size_t kRoundingSamples = 48;
constexpr size_t kRetriedTensors = 8;     // tensors for which other algorithms are tried one by one
constexpr double kCloseCall = 0.9;        // predicted times that are nearer to each other are measured again
constexpr double kLeastGain = 0.01;       // of the relative error: below that a change is noise
// What a small drop on few samples owes to chance shows on others: classes that change both ways, and outputs that turn, are bounded too.
constexpr double kChangesADrop = 4, kDefectADrop = 0.125, kLeastDrop = 0.002;  // kLeastDrop: what is asked of them when nothing may be lost
constexpr quant::RangeOptions kAlgorithms[] = {
    {quant::Algorithm::kEntropy}, {quant::Algorithm::kMse}, {quant::Algorithm::kPercentile, 99.99}, {quant::Algorithm::kMinMax}};

constexpr quant::EqualizeOptions kEqualizations[] = {{0.5, false}, {0.5, true}, {0.7, true}};

struct Candidate {
  std::shared_ptr<const runtime::Engine> engine;
  builder::BuildReport build;
  quant::InsertReport inserted;
  std::string path;  // the engine in a file, when the target has a check
};

class Mixer {
 public:
  Mixer(const BuildRequest& request, const MixedOptions& options) : request_(request), options_(options) {
    request_.portable = false;
    request_.first_profile_only = true;
    request_.quantize = {};
    user_keep_ = request.quantize.keep;
    scratch_ = (std::filesystem::temp_directory_path() / fmt::format("sinter-mixed-{}-{}", ::getpid(), static_cast<const void*>(this))).string();
    if (!request_.build.timing_cache.empty()) return;
    // One model is built many times: its timings are kept while that lasts.
    own_cache_ = scratch_ + ".timings";
    request_.build.timing_cache = own_cache_;
  }
  ~Mixer() {
    std::error_code ignored;
    if (!own_cache_.empty()) std::filesystem::remove(own_cache_, ignored);
    std::filesystem::remove(scratch_ + ".engine", ignored);
  }

  Result<MixedOutcome> run() {
    SINTER_TRY(open());
    SINTER_TRY(choose_algorithm());
    SINTER_TRY(equalize());
    SINTER_TRY(set_zero_points());
    SINTER_TRY(round());
    SINTER_TRY(correct_biases());
    SINTER_ASSIGN(Candidate all, build(keep_));
    SINTER_ASSIGN(report_.all_int8, measure(all));
    report_.all_int8_us = all.build.predicted_us;
    report_.dense_layers = static_cast<int64_t>(all.inserted.layers.size());
    int8_ = times_of(all.build);
    note(fmt::format("all layers in int8: {}", report_.all_int8.to_string()));
    report_.result = report_.all_int8;
    SINTER_ASSIGN(const bool enough, meets(all, report_.all_int8));
    if (!enough) {
      SINTER_TRY(scan(all));
      SINTER_TRY(retry_tensors());
      SINTER_TRY(keep_layers());
      SINTER_TRY(take_back());
    }
    SINTER_TRY(drop_slow_layers());
    return finish();
  }

 private:
  bool progress(std::string_view phase, int64_t done, int64_t total) const { return !options_.progress || options_.progress(phase, done, total); }
  static Status cancelled() { return make_error(Code::kCancelled, "the build was cancelled while its precision was chosen; nothing was written"); }
  void note(std::string text) { report_.steps.push_back(std::move(text)); }

  Status open() {
    BuildRequest plain = request_;
    plain.calibration = nullptr;
    plain.build.precision.int8 = false;
    // Layers that must be int8 are not in the network of floats that others are measured against.
    if (plain.constraints.mode == builder::ConstraintMode::kObey) plain.constraints.mode = builder::ConstraintMode::kPrefer;
    SINTER_ASSIGN(unfused_, optimise_unfused(plain));
    optimised_ = unfused_.clone();
    SINTER_TRY(fuse(optimised_, plain));
    SINTER_ASSIGN(FloatChoice floats, fastest_float(optimised_, plain));
    request_.build.narrow = floats.narrow;
    floats_ = std::move(floats.report);
    f32_ = times_of(floats_);
    report_.f32_us = floats_.predicted_us;
    SINTER_ASSIGN(float_engine_, build_floats(plain, floats.narrow));
    SINTER_ASSIGN(reference_, build_plain(optimised_));
    plain_ = reference_;
    SINTER_TRY(open_samples());
    SINTER_ASSIGN(calibration_, find_ranges(true));
    return ok_status();
  }

  Result<std::shared_ptr<const runtime::Engine>> build_floats(BuildRequest request, DType narrow) const {
    request.build.narrow = narrow;
    Optimised floats = optimised_.clone();
    SINTER_TRY(lower(floats, request));
    SINTER_ASSIGN(BuildOutcome built, build_lowered(floats, request));
    return engine_of(std::move(built.contents));
  }

  // In f32.
  Result<std::shared_ptr<const runtime::Engine>> build_plain(const Optimised& optimised) const {
    SINTER_ASSIGN(BuildOutcome exact, build_lowered(optimised, plain_request(request_)));
    return engine_of(std::move(exact.contents));
  }

  // Of what `plain_` computes.
  Result<quant::Calibration> find_ranges(bool first) const {
    CalibrateOptions how = options_.calibrate;
    how.keep_histograms = true;
    how.engine = plain_;
    how.warn = first;
    if (!first) how.cache.clear();
    how.progress = [this](int64_t done, int64_t total) { return progress("calibrating", done, total); };
    SINTER_ASSIGN(CalibrateReport report, calibrate(request_, how));
    return std::move(report.calibration);
  }

  Status open_samples() {
    const CalibrateOptions& how = options_.calibrate;
    SINTER_ASSIGN(AccuracyProbe probe, open_probe(reference_, {how.data, how.preprocess, options_.labels, options_.most_samples}, request_.build.threads));
    probe_ = std::make_unique<AccuracyProbe>(std::move(probe));
    return ok_status();
  }

  Result<std::shared_ptr<const runtime::Engine>> engine_of(engine::EngineContents contents) const {
    return runtime::Engine::from_contents(std::move(contents), {engine::Verify::kTarget, request_.build.device ? request_.build.device->ordinal() : 0});
  }

  BuildRequest request_with(const Keep& keep) const {
    BuildRequest request = request_;
    request.calibration = std::make_shared<quant::Calibration>(calibration_);
    request.quantize.keep = user_keep_;
    request.quantize.keep.insert(keep.begin(), keep.end());
    if (correct_) request.quantize.input_means = means_;
    if (round_) request.quantize.rounded = rounded_.values;
    if (lopsided_) {
      for (const auto& [name, histogram] : calibration_.histograms) request.quantize.lows[name] = histogram.min();
    }
    return request;
  }

  Result<Candidate> build(const Keep& keep) const {
    const BuildRequest request = request_with(keep);
    Optimised lowered = optimised_.clone();
    SINTER_TRY(lower(lowered, request));
    SINTER_ASSIGN(BuildOutcome built, build_lowered(lowered, request));
    Candidate candidate{nullptr, std::move(built.report), std::move(lowered.quantization), ""};
    SINTER_TRY(keep_file(built.contents, candidate));
    SINTER_ASSIGN(candidate.engine, engine_of(std::move(built.contents)));
    return candidate;
  }
  Status keep_file(const engine::EngineContents& contents, Candidate& candidate) const {
    if (!options_.target.check) return ok_status();
    candidate.path = fmt::format("{}.engine", scratch_);
    return engine::write_engine(contents, candidate.path);
  }
  // The check is of the candidate that was built last.
  Result<bool> meets(const Candidate& candidate, const Agreement& agreement) const {
    if (!options_.target.met_by(agreement)) return false;
    return options_.target.check ? options_.target.check(candidate.path) : Result<bool>(true);
  }
  Result<Agreement> measure(const Candidate& candidate, size_t most = SIZE_MAX) const { return probe_->measure(candidate.engine, most); }
  Result<double> error_with(const Keep& keep, size_t most) const {
    SINTER_ASSIGN(const Candidate candidate, build(keep));
    SINTER_ASSIGN(const Agreement agreement, measure(candidate, most));
    return agreement.relative_error;
  }
  size_t compared() const { return static_cast<size_t>(4 * options_.scan_samples); }

  static std::map<std::string, double> times_of(const builder::BuildReport& report) {
    std::map<std::string, double> times;
    for (const builder::LayerReport& layer : report.layers) times[layer.name] += layer.us;
    return times;
  }

  void set_ranges(const quant::RangeOptions& how) {
    for (auto& [name, range] : calibration_.ranges) {
      const auto histogram = calibration_.histograms.find(name);
      if (histogram != calibration_.histograms.end()) range = quant::choose_range(histogram->second, how);
    }
    calibration_.algorithm = quant::to_string(how);
  }

  Status choose_algorithm() {
    SINTER_ASSIGN(error_, best_algorithm(algorithm_, true));
    return ok_status();
  }

  // Sets the ranges that bring the network in int8 nearest to f32; the relative error.
  Result<double> best_algorithm(quant::RangeOptions& chosen, bool tell) {
    const quant::RangeOptions* best = nullptr;
    double least = 0;
    for (const quant::RangeOptions& how : kAlgorithms) {
      if (!progress("choosing ranges", &how - kAlgorithms, std::size(kAlgorithms))) return cancelled();
      set_ranges(how);
      SINTER_ASSIGN(const double error, error_with({}, compared()));
      if (tell) note(fmt::format("ranges by {}: relative error {:.4g} on {} samples", quant::to_string(how), error, std::min(compared(), probe_->size())));
      if (!best || error < least) best = &how, least = error;
    }
    set_ranges(*best);
    chosen = *best;
    return least;
  }

  // Zero points for activations that lie mostly on one side of zero.
  Status set_zero_points() {
    lopsided_ = true;
    quant::RangeOptions ranges;
    SINTER_ASSIGN(const double error, best_algorithm(ranges, false));
    lopsided_ = error < error_ * (1 - kLeastGain);
    note(fmt::format("zero points for lopsided activations, ranges by {}: relative error {:.4g}{}", quant::to_string(ranges), error, lopsided_ ? "" : ", not kept"));
    if (lopsided_) error_ = error, algorithm_ = ranges;
    else set_ranges(algorithm_);
    return ok_status();
  }

  // Each form of equalization on the network as it is, with ranges of its own.
  Status equalize() {
    SINTER_ASSIGN(const quant::ChannelPeaks peaks, channel_peaks(reference_, *unfused_.model.graph, probe_->samples(), kPeakSamples, request_.build.threads));
    int64_t done = 0;
    for (const quant::EqualizeOptions& how : kEqualizations) {
      if (!progress("equalizing", done++, std::size(kEqualizations))) return cancelled();
      Optimised scaled = unfused_.clone();
      SINTER_ASSIGN(const quant::EqualizeReport report, quant::equalize(*scaled.model.graph, peaks, how));
      if (report.layers == 0 || (how.explicit_scales && report.explicit_layers == 0)) continue;
      SINTER_TRY(fuse(scaled, plain_request(request_)));
      SINTER_TRY(try_equalized(std::move(scaled), report, how));
    }
    return ok_status();
  }

  Status try_equalized(Optimised scaled, const quant::EqualizeReport& report, const quant::EqualizeOptions& how) {
    const std::shared_ptr<const runtime::Engine> plain_before = plain_;
    quant::Calibration calibration_before = calibration_;
    std::swap(optimised_, scaled);
    SINTER_ASSIGN(plain_, build_plain(optimised_));
    SINTER_ASSIGN(calibration_, find_ranges(false));
    quant::RangeOptions ranges;
    SINTER_ASSIGN(const double error, best_algorithm(ranges, false));
    const bool better = error < error_ * (1 - kLeastGain);
    note(fmt::format("{} channels of {} layers equalized (alpha {}{}), ranges by {}: relative error {:.4g}{}", report.channels, report.layers, how.alpha,
                     how.explicit_scales ? fmt::format(", {} layers by products", report.explicit_layers) : "", quant::to_string(ranges), error, better ? "" : ", not kept"));
    if (better) {
      error_ = error;
      algorithm_ = ranges;
      return ok_status();
    }
    std::swap(optimised_, scaled);
    plain_ = plain_before;
    calibration_ = std::move(calibration_before);
    return ok_status();
  }

  Status round() {
    if (!progress("rounding weights", 0, 1)) return cancelled();
    SINTER_ASSIGN(rounded_, round_weights(plain_, *optimised_.model.graph, probe_->samples(), kRoundingSamples, request_.build.threads));
    if (rounded_.values.empty()) return ok_status();
    round_ = true;
    SINTER_ASSIGN(const double error, error_with({}, compared()));
    round_ = error < error_ * (1 - kLeastGain);
    note(fmt::format("weights of {} layers rounded with feedback: relative error {:.4g}{}", rounded_.values.size(), error, round_ ? "" : ", not kept"));
    for (const RoundedLayer& layer : rounded_.layers) {
      note(layer.reason.empty() ? fmt::format("  '{}': {:.0f} % of its rounding error gone", layer.node, 100 * layer.gain)
                                : fmt::format("  '{}': nearest values ({})", layer.node, layer.reason));
    }
    if (round_) error_ = error;
    return ok_status();
  }

  Status correct_biases() {
    SINTER_ASSIGN(means_, channel_means(plain_, *optimised_.model.graph, probe_->samples(), kMeanSamples, request_.build.threads));
    correct_ = true;
    SINTER_ASSIGN(const double error, error_with({}, compared()));
    correct_ = error < error_ * (1 - kLeastGain);
    note(fmt::format("biases corrected for the means of quantized weights: relative error {:.4g}{}", error, correct_ ? "" : ", not kept"));
    if (correct_) error_ = error;
    return ok_status();
  }

  // Each quantized layer alone.
  Status scan(const Candidate& all) {
    Keep dense;
    for (const quant::LayerDecision& layer : all.inserted.layers) {
      if (layer.quantized) dense.insert(layer.node);
    }
    int64_t done = 0;
    for (const std::string& node : dense) {
      if (!progress("measuring layers", done++, static_cast<int64_t>(dense.size()))) return cancelled();
      Keep others = dense;
      others.erase(node);
      SINTER_ASSIGN(const double error, error_with(others, static_cast<size_t>(options_.scan_samples)));
      KeptLayer layer{node, error, time_of(int8_, node), time_of(f32_, node), "accuracy"};
      scanned_.push_back(std::move(layer));
    }
    const auto worth = [](const KeptLayer& layer) { return layer.error * layer.error / std::max(layer.f32_us - layer.int8_us, 0.1); };
    std::stable_sort(scanned_.begin(), scanned_.end(), [&](const KeptLayer& a, const KeptLayer& b) { return worth(a) > worth(b); });
    return ok_status();
  }
  static double time_of(const std::map<std::string, double>& times, const std::string& node) {
    const auto it = times.find(node);
    return it == times.end() ? 0 : it->second;
  }

  // Other ranges for what the most sensitive layers read.
  Status retry_tensors() {
    std::vector<KeptLayer> by_error = scanned_;
    std::stable_sort(by_error.begin(), by_error.end(), [](const KeptLayer& a, const KeptLayer& b) { return a.error > b.error; });
    by_error.resize(std::min(by_error.size(), kRetriedTensors));
    int64_t done = 0;
    for (const KeptLayer& layer : by_error) {
      if (!progress("trying ranges", done++, static_cast<int64_t>(by_error.size()))) return cancelled();
      const ir::Node* node = optimised_.model.graph->find_node(layer.node);
      if (!node) continue;
      std::vector<std::string> names = node->input(0)->onnx_names;
      names.push_back(node->input(0)->name);
      SINTER_TRY(retry_tensor(names));
    }
    return ok_status();
  }

  Status retry_tensor(const std::vector<std::string>& names) {
    for (const quant::RangeOptions& how : kAlgorithms) {
      const std::map<std::string, float, std::less<>> before = calibration_.ranges;
      bool changed = false;
      for (const std::string& name : names) {
        const auto histogram = calibration_.histograms.find(name);
        if (histogram == calibration_.histograms.end()) continue;
        const float range = quant::choose_range(histogram->second, how);
        changed = changed || range != calibration_.ranges[name];
        calibration_.ranges[name] = range;
      }
      if (!changed) continue;
      SINTER_ASSIGN(const double error, error_with({}, compared()));
      if (error < error_ * (1 - kLeastGain)) {
        note(fmt::format("'{}' by {}: relative error {:.4g}", names.front(), quant::to_string(how), error));
        error_ = error;
      } else {
        calibration_.ranges = before;
      }
    }
    return ok_status();
  }

  Keep first_layers(size_t count) const {
    Keep keep;
    for (size_t i = 0; i < count; ++i) keep.insert(scanned_[i].node);
    return keep;
  }

  // The least number of layers in the order of their worth that meets the target.
  Status keep_layers() {
    size_t low = 0, high = scanned_.size();
    Agreement best = report_.all_int8;
    bool met = false;
    for (int64_t step = 0; low < high; ++step) {
      if (!progress("keeping layers", step, 0)) return cancelled();
      const size_t middle = step == 0 ? low : (low + high) / 2;  // the ranges have changed since: perhaps none is needed
      SINTER_ASSIGN(const Candidate candidate, build(first_layers(middle)));
      SINTER_ASSIGN(const Agreement agreement, measure(candidate));
      note(fmt::format("{} of {} layers kept: {}", middle, scanned_.size(), agreement.to_string()));
      SINTER_ASSIGN(const bool enough, meets(candidate, agreement));
      if (enough) {
        high = middle;
        best = agreement;
        met = true;
      } else {
        if (agreement.relative_error < best.relative_error && !met) best = agreement;
        low = middle + 1;
      }
    }
    keep_ = first_layers(high);
    if (!met) {
      SINTER_ASSIGN(const Candidate candidate, build(keep_));
      SINTER_ASSIGN(const Agreement agreement, measure(candidate));
      SINTER_ASSIGN(const bool enough, meets(candidate, agreement));
      if (!enough) {
        return make_error(Code::kUnsupported, "no engine meets {}: the best has {}; permit fp32 (no --fp16, --bf16), give more samples, or ask for less",
                          options_.target.to_string(), (agreement.relative_error < best.relative_error ? agreement : best).to_string());
      }
      best = agreement;
    }
    report_.result = best;
    return ok_status();
  }

  // Layers that were kept on the way to the one that mattered.
  Status take_back() {
    for (size_t i = keep_.size(); i-- > 0 && keep_.size() > 1;) {
      if (!progress("taking layers back", static_cast<int64_t>(i), 0)) return cancelled();
      Keep fewer = keep_;
      if (fewer.erase(scanned_[i].node) == 0) continue;
      SINTER_ASSIGN(const Candidate candidate, build(fewer));
      SINTER_ASSIGN(const Agreement agreement, measure(candidate));
      SINTER_ASSIGN(const bool enough, meets(candidate, agreement));
      if (!enough) continue;
      keep_ = std::move(fewer);
      report_.result = agreement;
    }
    for (const KeptLayer& layer : scanned_) {
      if (keep_.count(layer.node)) report_.kept.push_back(layer);
    }
    return ok_status();
  }

  // Whole runs in turns: what was timed once, layer by layer, may have met a busy moment.
  Result<bool> is_faster(const std::shared_ptr<const runtime::Engine>& a, const std::shared_ptr<const runtime::Engine>& b) const {
    SINTER_ASSIGN(const std::vector<double> times, measure_alternately({a, b}, request_.build.threads));
    return times[0] < times[1];
  }

  Status drop_slow_layers() {
    SINTER_ASSIGN(const Candidate now, build(keep_));
    const auto times = times_of(now.build);
    Keep slower = keep_;
    std::vector<KeptLayer> dropped;
    for (const quant::LayerDecision& layer : now.inserted.layers) {
      const double int8 = time_of(times, layer.node), f32 = time_of(f32_, layer.node);
      if (!layer.quantized || f32 == 0 || int8 < f32) continue;
      slower.insert(layer.node);
      dropped.push_back({layer.node, 0, int8, f32, "not faster"});
    }
    if (dropped.empty()) return ok_status();
    SINTER_ASSIGN(const Candidate without, build(slower));
    SINTER_ASSIGN(const Agreement agreement, measure(without));
    SINTER_ASSIGN(const bool enough, meets(without, agreement));
    if (!enough) return ok_status();
    SINTER_ASSIGN(const bool faster, is_faster(without.engine, now.engine));
    if (!faster) return ok_status();
    keep_ = std::move(slower);
    report_.result = agreement;
    report_.kept.insert(report_.kept.end(), dropped.begin(), dropped.end());
    return ok_status();
  }

  Result<MixedOutcome> finish() {
    BuildRequest request = request_with(keep_);
    request.portable = true;
    request.first_profile_only = false;
    Optimised lowered = optimised_.clone();
    SINTER_TRY(lower(lowered, request));
    SINTER_ASSIGN(BuildOutcome built, build_lowered(lowered, request));
    for (const quant::LayerDecision& layer : lowered.quantization.layers) report_.quantized_layers += layer.quantized;
    report_.result_us = built.report.predicted_us;
    if (report_.quantized_layers == 0 || report_.result_us >= kCloseCall * report_.f32_us) {
      SINTER_ASSIGN(const auto mixed, engine_of(built.contents));
      SINTER_ASSIGN(const bool faster, is_faster(mixed, float_engine_));
      if (!faster) return finish_in_float();
    }
    add_float_times(built.report, floats_);
    built.report.notes = report_.lines();
    return MixedOutcome{std::move(built), std::move(report_)};
  }

  // Int8 is a permission: between float layers its quantizations can cost more than it gains.
  Result<MixedOutcome> finish_in_float() {
    BuildRequest request = request_;
    request.calibration = nullptr;
    request.portable = true;
    request.first_profile_only = false;
    Optimised lowered = std::move(unfused_);
    SINTER_TRY(fuse(lowered, request));
    SINTER_TRY(lower(lowered, request));
    SINTER_ASSIGN(BuildOutcome built, build_lowered(lowered, request));
    Candidate candidate{nullptr, {}, {}, ""};
    SINTER_TRY(keep_file(built.contents, candidate));
    SINTER_ASSIGN(candidate.engine, engine_of(built.contents));
    SINTER_ASSIGN(report_.result, measure(candidate));
    SINTER_ASSIGN(const bool enough, meets(candidate, report_.result));
    if (!enough) {
      return make_error(Code::kUnsupported, "no engine meets {} and is faster than float; permit fp32 alone", options_.target.to_string());
    }
    note(fmt::format("{} layers in int8 would take {:.3f} ms, no less than float: none is", report_.quantized_layers, report_.result_us / 1000));
    report_.quantized_layers = 0;
    report_.kept.clear();
    report_.result_us = built.report.predicted_us;
    built.report.notes = report_.lines();
    return MixedOutcome{std::move(built), std::move(report_)};
  }

  BuildRequest request_;
  const MixedOptions& options_;
  std::string scratch_, own_cache_;  // scratch_: where files of this build alone begin
  Keep user_keep_, keep_;
  Optimised unfused_, optimised_;
  std::shared_ptr<const runtime::Engine> reference_, plain_;  // f32: the model, and `optimised_`, which may be equalized
  std::shared_ptr<const runtime::Engine> float_engine_;  // of the permitted floats
  std::unique_ptr<AccuracyProbe> probe_;
  quant::Calibration calibration_;
  quant::ChannelMeans means_;
  RoundedWeights rounded_;
  quant::RangeOptions algorithm_;
  bool correct_ = false, round_ = false, lopsided_ = false;
  double error_ = 0;  // of the network in int8, on `compared` samples
  builder::BuildReport floats_;  // of the network in the fastest of the permitted floats
  std::map<std::string, double> f32_, int8_;
  std::vector<KeptLayer> scanned_;  // what is worth keeping first
  MixedReport report_;
};

}  // namespace

bool AccuracyTarget::met_by(const Agreement& agreement) const {
  if (!agreement.finite) return false;
  if (max_drop) {
    const double chance = std::max(*max_drop, kLeastDrop);
    if (agreement.drop() > *max_drop + 1e-12 || std::max(agreement.disagreement(), agreement.expected_disagreement) > kChangesADrop * chance || 1 - agreement.cosine > kDefectADrop * chance) return false;
  }
  return !min_cosine || agreement.cosine >= *min_cosine;
}

std::string AccuracyTarget::to_string() const {
  std::string text;
  if (max_drop) text = fmt::format("a drop of at most {:.2f} %", 100 * *max_drop);
  if (min_cosine) text += fmt::format("{}a cosine of at least {}", text.empty() ? "" : " and ", *min_cosine);
  if (check) text += fmt::format("{}the check", text.empty() ? "" : " and ");
  return text;
}

std::vector<std::string> MixedReport::lines() const {
  std::vector<std::string> text = steps;
  for (const KeptLayer& layer : kept) {
    text.push_back(fmt::format("kept in float ({}): '{}', error alone {:.3g}, int8 {:.1f} us, float {:.1f} us", layer.reason, layer.node, layer.error,
                               layer.int8_us, layer.f32_us));
  }
  text.push_back(fmt::format("{} of {} dense layers in int8: {}", quantized_layers, dense_layers, result.to_string()));
  text.push_back(fmt::format("predicted {:.3f} ms; all in int8 {:.3f} ms, none {:.3f} ms", result_us / 1000, all_int8_us / 1000, f32_us / 1000));
  return text;
}

Result<MixedOutcome> build_mixed(const BuildRequest& request, const MixedOptions& options) { return Mixer(request, options).run(); }

}  // namespace sinter::session
