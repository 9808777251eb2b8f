// The decision tree for a target of time (latency.h).
#include "session/latency.h"

#include <algorithm>

#include "session/fastest.h"
#include "session/run.h"

namespace sinter::session {
namespace {

constexpr int kMeasurements = 3;

struct Tried {
  std::string name;
  double ms = 0;
  std::optional<Agreement> agreement;  // with f32; nullopt: no target, or it is f32
  std::string failure;                 // it could not be made
};

class Tree {
 public:
  Tree(const BuildRequest& request, const LatencyOptions& options) : request_(request), options_(options) {
    request_.build.precision.fp16 = true;
    request_.build.precision.int8 = false;
    if (!request_.build.timings) request_.build.timings = std::make_shared<builder::TimingCache>();
  }

  Result<BuildOutcome> run() {
    SINTER_TRY(open());
    SINTER_ASSIGN(const FloatChoice best, fastest_float(optimised_, request_));
    notes_ = best.lines;
    for (const DType narrow : {best.narrow, DType::kF32}) {
      SINTER_ASSIGN(auto met, try_float(narrow));
      if (met) return std::move(*met);
      // f32 is slower: it can only help where the narrow type lost too much.
      if (narrow == DType::kF32 || accurate(tried_.back())) break;
    }
    SINTER_ASSIGN(auto met, try_int8());
    if (met) return std::move(*met);
    return nearest_misses();
  }

 private:
  Status open() {
    SINTER_ASSIGN(optimised_, optimise(request_));
    if (!options_.has_target()) return ok_status();
    const BuildRequest plain = plain_request(request_);
    Optimised exact = optimised_.clone();
    SINTER_ASSIGN(BuildOutcome built, build_lowered(exact, plain));
    SINTER_ASSIGN(const auto reference, engine_of(std::move(built.contents)));
    const CalibrateOptions& how = options_.mixed.calibrate;
    SINTER_ASSIGN(AccuracyProbe probe, open_probe(reference, {how.data, how.preprocess, options_.mixed.labels, options_.mixed.most_samples}, request_.build.threads));
    probe_ = std::make_unique<AccuracyProbe>(std::move(probe));
    return ok_status();
  }

  Result<std::shared_ptr<const runtime::Engine>> engine_of(engine::EngineContents contents) const {
    return runtime::Engine::from_contents(std::move(contents), {engine::Verify::kTarget, request_.build.device ? request_.build.device->ordinal() : 0});
  }

  bool accurate(const Tried& tried) const { return !tried.agreement || options_.mixed.target.met_by(*tried.agreement); }

  // Measures an outcome; it itself when it meets both targets.
  Result<std::optional<BuildOutcome>> judge(std::string name, BuildOutcome outcome, bool measure_accuracy) {
    engine::EngineContents copy = outcome.contents;
    copy.portable.reset();
    SINTER_ASSIGN(const auto engine, engine_of(std::move(copy)));
    Tried tried{std::move(name), 0, std::nullopt, ""};
    // Others that use the machine only add to a time: a miss is measured again.
    for (int attempt = 0; attempt < kMeasurements && (attempt == 0 || tried.ms > options_.most_ms); ++attempt) {
      SINTER_ASSIGN(const std::vector<double> us, measure_alternately({engine}, request_.build.threads));
      tried.ms = attempt == 0 ? us[0] / 1000 : std::min(tried.ms, us[0] / 1000);
    }
    if (probe_ && measure_accuracy) {
      SINTER_ASSIGN(tried.agreement, probe_->measure(engine));
    }
    tried_.push_back(std::move(tried));
    notes_.push_back(line_of(tried_.back()));
    if (tried_.back().ms > options_.most_ms || !accurate(tried_.back())) return std::optional<BuildOutcome>();
    notes_.back() += ": taken";
    std::vector<std::string>& notes = outcome.report.notes;
    notes.insert(notes.begin(), notes_.begin(), notes_.end());
    return std::optional<BuildOutcome>(std::move(outcome));
  }

  Result<std::optional<BuildOutcome>> try_float(DType narrow) {
    BuildRequest request = request_;
    request.build.narrow = narrow;
    request.calibration = nullptr;
    Optimised lowered = optimised_.clone();
    SINTER_TRY(lower(lowered, request));
    SINTER_ASSIGN(BuildOutcome outcome, build_lowered(lowered, request));
    return judge(narrow == DType::kF16 ? "fp16" : narrow == DType::kBF16 ? "bf16" : "fp32", std::move(outcome), narrow != DType::kF32 || request.build.precision.tf32);
  }

  // With a target of accuracy: mixed; else wherever ranges are known.
  Result<std::optional<BuildOutcome>> try_int8() {
    BuildRequest request = request_;
    request.build.precision.int8 = request.int8_where_known = true;
    if (!options_.has_target()) {
      SINTER_TRY(resolve_int8(request, options_.mixed.calibrate));
      if (!request.calibration) return std::optional<BuildOutcome>();
      SINTER_ASSIGN(BuildOutcome outcome, build_model(request));
      return judge("int8", std::move(outcome), false);
    }
    auto mixed = build_mixed(request, options_.mixed);
    if (!mixed.ok()) {
      if (mixed.status().code() != Code::kUnsupported) return std::move(mixed).status();
      tried_.push_back({"int8", 0, std::nullopt, std::string(mixed.status().message())});
      return std::optional<BuildOutcome>();
    }
    const MixedReport& report = mixed->report;
    if (report.quantized_layers < report.dense_layers) tried_.push_back({"all layers in int8 (predicted)", report.all_int8_us / 1000, report.all_int8, ""});
    return judge(fmt::format("int8 in {} of {} layers", report.quantized_layers, report.dense_layers), std::move(mixed->built), true);
  }

  static std::string line_of(const Tried& tried) {
    if (!tried.failure.empty()) return fmt::format("{}: {}", tried.name, tried.failure);
    std::string text = fmt::format("{}: {:.3f} ms", tried.name, tried.ms);
    if (tried.agreement) text += fmt::format(", {}", tried.agreement->to_string());
    return text;
  }

  Status nearest_misses() const {
    std::string list;
    for (const Tried& tried : tried_) list += "\n  " + line_of(tried);
    const std::string target = options_.has_target() ? " with " + options_.mixed.target.to_string() : "";
    const bool samples = options_.mixed.calibrate.has_samples() || !options_.mixed.calibrate.cache.empty();
    return make_error(Code::kUnsupported, "no engine takes at most {:.3f} ms{}; tried:{}\n{}a smaller model is needed (fewer or narrower layers, smaller inputs), or a larger "
                      "--latency{}; nothing was written", options_.most_ms, target, list, samples ? "" : "int8 was not tried without samples (--data DIR); ",
                      options_.has_target() ? " or drop" : "");
  }

  BuildRequest request_;
  const LatencyOptions& options_;
  Optimised optimised_;
  std::unique_ptr<AccuracyProbe> probe_;
  std::vector<Tried> tried_;
  std::vector<std::string> notes_;
};

}  // namespace

Result<BuildOutcome> build_for_latency(const BuildRequest& request, const LatencyOptions& options) { return Tree(request, options).run(); }

}  // namespace sinter::session
