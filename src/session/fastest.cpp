// The fastest of the permitted precisions (fastest.h).
#include "session/fastest.h"

#include <algorithm>
#include <chrono>

#include "builder/lower_precision.h"
#include "builder/node_problem.h"
#include "builder/tuner.h"
#include "runtime/context.h"
#include "session/run.h"
#include "tactic/arithmetic.h"

namespace sinter::session {
namespace {

using Clock = std::chrono::steady_clock;
using Keep = std::set<std::string, std::less<>>;

constexpr double kTie = 0.01;          // sums nearer than this are equal: the wider precision wins
constexpr double kNear = 0.25;         // candidates within this of the best are run
constexpr double kRunBudgetUs = 6e5;   // of all runs together, after the first two rounds
constexpr int kLeastRuns = 5, kMostRuns = 60;

double us_since(Clock::time_point start) { return std::chrono::duration<double, std::micro>(Clock::now() - start).count(); }

std::string_view float_name(DType dtype, const BuildRequest& request) {
  if (dtype == DType::kF16) return "fp16";
  if (dtype == DType::kBF16) return "bf16";
  return request.build.device && request.build.precision.tf32 ? "tf32" : "fp32";
}

// Whether a tactic multiplies the narrow type itself. Others widen it first: then f32 is never slower.
bool multiplies(const ir::Graph& graph, const builder::BuildOptions& options, DType dtype) {
  const builder::SymbolTable symbols = builder::collect_symbols(graph, options);
  for (const auto& node : graph.nodes()) {
    const ir::Value* data = node->input(0);
    if (!data || !data->type.is_tensor() || data->type.dtype != dtype || builder::classify(*node, symbols) != builder::NodeKind::kKernel) continue;
    if (!node->is("Conv") && !node->is("MatMul") && !node->is("Gemm") && !node->is("ConvTranspose") && !node->is("Attention")) continue;
    const Problem problem = builder::make_problem(*node, symbols, options, options.device ? plan::Place::kDevice : plan::Place::kHost);
    for (const builder::Candidate& candidate : builder::collect_candidates(problem, options).offers) {
      if (arithmetic_of(*candidate.tactic, problem, candidate.offer).compute == dtype_name(dtype)) return true;
    }
  }
  return false;
}

bool has_wide_products(const builder::BuildReport& report) {
  return std::any_of(report.layers.begin(), report.layers.end(), [](const builder::LayerReport& layer) { return layer.dense_ops > 0 && (layer.compute == "f32" || layer.compute == "tf32"); });
}

// On a GPU a narrow type moves half the bytes and multiplies at twice the rate or more: a build that names it, and not --best, need not tune f32 as well.
bool names_narrow(const BuildRequest& request) {
  const Precision& permitted = request.build.precision;
  return request.build.device && !request.int8_where_known && (permitted.fp16 || permitted.bf16);
}

struct Tried {
  std::string name;
  DType narrow = DType::kF32;
  bool int8 = false, eligible = true;
  Keep keep;
  builder::BuildReport report;
  std::shared_ptr<const runtime::Engine> engine;  // null: it is not near the best
  double measured_us = 0;
};

class Chooser {
 public:
  Chooser(const Optimised& optimised, const BuildRequest& request) : optimised_(optimised), request_(request) {
    if (!request_.build.timings) request_.build.timings = std::make_shared<builder::TimingCache>();
    const auto& types = optimised.layer_types;
    int8_pinned_ = request.calibration && std::any_of(types.begin(), types.end(), [](const auto& entry) { return entry.second.precision == builder::LayerType::kI8; });
  }

  Status try_floats() {
    const Precision& permitted = request_.build.precision;
    const DType named = permitted.fp16 ? DType::kF16 : DType::kBF16;
    if (names_narrow(request_) && multiplies_natively(named)) {
      return attempt({std::string(float_name(named, request_)), named});
    }
    SINTER_TRY(attempt({std::string(float_name(DType::kF32, request_)), DType::kF32}));
    for (const DType dtype : {DType::kF16, DType::kBF16}) {
      if (!(dtype == DType::kF16 ? permitted.fp16 : permitted.bf16)) continue;
      const std::string name(float_name(dtype, request_));
      if (!multiplies_natively(dtype)) {
        lines_.push_back(fmt::format("{}: values stay f32: no kernel of this device multiplies those stored in {}, which are widened first and never faster", name, name));
        continue;
      }
      // Both narrow types have the same speed on a GPU; they differ in which layers can be narrow.
      if (dtype == DType::kBF16 && permitted.fp16 && request_.build.device && !has_wide_products(tried_.back().report)) {
        lines_.push_back("bf16: not tried: all products are in fp16, which is as fast");
        continue;
      }
      SINTER_TRY(attempt({name, dtype}));
    }
    return ok_status();
  }

  const Tried& best() const {
    const Tried* best = nullptr;
    for (const Tried& tried : tried_) {
      if (tried.eligible && (!best || time_of(tried) < time_of(*best) * (1 - kTie))) best = &tried;
    }
    return best ? *best : tried_.front();
  }

  Status try_int8() {
    const Tried floats = best_float();
    SINTER_TRY(attempt({fmt::format("int8 and {}", floats.name), floats.narrow, true}));
    const Tried& all = tried_.back();
    Keep slow;
    size_t quantized = 0;
    for (const builder::LayerReport& layer : all.report.layers) {
      if (layer.op.rfind("Quantized", 0) != 0) continue;
      ++quantized;
      const auto same = std::find_if(floats.report.layers.begin(), floats.report.layers.end(), [&](const auto& other) { return other.name == layer.name; });
      if (same != floats.report.layers.end() && layer.us >= same->us) slow.insert(layer.name);
    }
    if (slow.empty() || slow.size() == quantized) return ok_status();
    Tried some{fmt::format("int8 but for {} layers that are faster in {}", slow.size(), floats.name), floats.narrow, true};
    some.keep = std::move(slow);
    return attempt(std::move(some));
  }

  // Candidates near the best by their sums are run.
  Status compare_runs() {
    const double least = best().report.predicted_us;
    std::vector<Tried*> near;
    for (Tried& tried : tried_) {
      if (tried.eligible && tried.report.predicted_us <= least * (1 + kNear) && tried.engine) near.push_back(&tried);
    }
    if (near.size() < 2) return ok_status();
    std::vector<std::shared_ptr<const runtime::Engine>> engines;
    for (const Tried* tried : near) engines.push_back(tried->engine);
    const auto times = measure_alternately(engines, request_.build.threads);
    if (!times.ok()) {
      lines_.push_back(fmt::format("compared by predicted times alone: {}", times.status().message()));
      return ok_status();
    }
    for (size_t i = 0; i < near.size(); ++i) near[i]->measured_us = (*times)[i];
    // What was not run is farther away than what was.
    for (Tried& tried : tried_) tried.eligible = tried.eligible && tried.measured_us > 0;
    return ok_status();
  }

  Result<BuildOutcome> finish() {
    const Tried& chosen = best();
    describe(chosen);
    BuildRequest request = request_for(chosen);
    request.portable = request_.portable;
    request.first_profile_only = request_.first_profile_only;
    Optimised lowered = optimised_.clone();
    SINTER_TRY(lower(lowered, request));
    SINTER_ASSIGN(BuildOutcome outcome, build_lowered(lowered, request));
    add_float_times(outcome.report, best_float().report);
    outcome.report.timed_offers += timed_;
    std::vector<std::string>& notes = outcome.report.notes;
    notes.insert(notes.end(), lines_.begin(), lines_.end());
    notes.insert(notes.end(), lowered.notes.begin(), lowered.notes.end());
    if (!chosen.int8) return outcome;
    for (const quant::LayerDecision& layer : lowered.quantization.layers) {
      if (!layer.quantized) notes.push_back(fmt::format("not in int8: '{}' ({})", layer.node, chosen.keep.count(layer.node) ? "float is faster" : layer.reason));
    }
    return outcome;
  }

  void describe(const Tried& chosen) {
    for (const Tried& tried : tried_) {
      std::string line = fmt::format("{}: predicted {:.3f} ms", tried.name, tried.report.predicted_us / 1000);
      if (tried.measured_us > 0) line += fmt::format(", run {:.3f} ms", tried.measured_us / 1000);
      lines_.push_back(line + (&tried == &chosen ? ", the fastest permitted: chosen" : ""));
    }
  }
  std::vector<std::string>& lines() { return lines_; }

 private:
  static double time_of(const Tried& tried) { return tried.measured_us > 0 ? tried.measured_us : tried.report.predicted_us; }

  const Tried& best_float() const {
    const Tried* best = nullptr;
    for (const Tried& tried : tried_) {
      if (!tried.int8 && (!best || time_of(tried) < time_of(*best) * (1 - kTie))) best = &tried;
    }
    return *best;
  }

  BuildRequest request_for(const Tried& tried) const {
    BuildRequest request = request_;
    request.portable = false;
    request.first_profile_only = true;
    request.build.narrow = tried.narrow;
    if (!tried.int8) request.calibration = nullptr;
    // Layers that must be int8 make this network one to compare with, not to choose.
    if (!tried.int8 && int8_pinned_) request.constraints.mode = builder::ConstraintMode::kPrefer;
    request.quantize.keep.insert(tried.keep.begin(), tried.keep.end());
    return request;
  }

  bool multiplies_natively(DType dtype) const {
    BuildRequest request = request_;
    request.calibration = nullptr;
    request.build.narrow = dtype;
    request.constraints.mode = builder::ConstraintMode::kPrefer;
    Optimised lowered = optimised_.clone();
    return lower(lowered, request).ok() && multiplies(*lowered.model.graph, request.build, dtype);
  }

  Status attempt(Tried tried) {
    const BuildRequest request = request_for(tried);
    tried.eligible = tried.int8 || !int8_pinned_;
    Optimised lowered = optimised_.clone();
    SINTER_TRY(lower(lowered, request));
    SINTER_ASSIGN(BuildOutcome built, build_lowered(lowered, request));
    timed_ += built.report.timed_offers;
    tried.report = std::move(built.report);
    tried_.push_back(std::move(tried));
    const double least = best().report.predicted_us;
    // Engines take memory: only those that may be run stay.
    for (Tried& other : tried_) {
      if (other.report.predicted_us > least * (1 + kNear)) other.engine = nullptr;
    }
    if (tried_.back().report.predicted_us > least * (1 + kNear) || request_.build.max_build_memory_bytes != INT64_MAX) return ok_status();
    SINTER_ASSIGN(tried_.back().engine, runtime::Engine::from_contents(std::move(built.contents), {engine::Verify::kTarget, request_.build.device ? request_.build.device->ordinal() : 0}));
    return ok_status();
  }

  const Optimised& optimised_;
  BuildRequest request_;
  bool int8_pinned_ = false;
  int64_t timed_ = 0;  // offers, of the networks that were tried
  std::vector<Tried> tried_;
  std::vector<std::string> lines_;
};

}  // namespace

bool has_choice(const BuildRequest& request) {
  const Precision& permitted = request.build.precision;
  if (!request.fastest || request.fp8) return false;
  return request.calibration || ((permitted.fp16 || permitted.bf16) && !names_narrow(request));
}

Result<FloatChoice> fastest_float(const Optimised& optimised, const BuildRequest& request) {
  BuildRequest floats = request;
  floats.calibration = nullptr;
  if (floats.constraints.mode == builder::ConstraintMode::kObey) floats.constraints.mode = builder::ConstraintMode::kPrefer;
  Chooser chooser(optimised, floats);
  SINTER_TRY(chooser.try_floats());
  SINTER_TRY(chooser.compare_runs());
  const Tried& best = chooser.best();
  chooser.describe(best);
  return FloatChoice{best.narrow, best.report, std::move(chooser.lines())};
}

Result<BuildOutcome> build_fastest(const Optimised& optimised, const BuildRequest& request) {
  Chooser chooser(optimised, request);
  SINTER_TRY(chooser.try_floats());
  if (request.calibration) SINTER_TRY(chooser.try_int8());
  SINTER_TRY(chooser.compare_runs());
  return chooser.finish();
}

Result<std::vector<double>> measure_alternately(const std::vector<std::shared_ptr<const runtime::Engine>>& engines, int threads) {
  std::vector<std::unique_ptr<runtime::ExecutionContext>> contexts;
  std::vector<std::vector<double>> samples(engines.size());
  for (const auto& engine : engines) {
    runtime::ContextOptions options;
    options.threads = threads;
    SINTER_ASSIGN(auto context, runtime::ExecutionContext::create(engine, options));
    SINTER_ASSIGN(const std::vector<Value> inputs, random_inputs(*engine, 1));
    for (size_t i = 0; i < inputs.size(); ++i) SINTER_TRY(context->set_input(i, inputs[i]));
    contexts.push_back(std::move(context));
  }
  double spent = 0;
  for (int round = 0; round < kMostRuns && (round < kLeastRuns + 2 || spent < kRunBudgetUs); ++round) {
    for (size_t i = 0; i < contexts.size(); ++i) {
      const auto start = Clock::now();
      SINTER_TRY(contexts[i]->execute());
      const double us = us_since(start);
      spent += us;
      if (round >= 2) samples[i].push_back(us);  // the first runs load kernels and fault memory in
    }
  }
  std::vector<double> times;
  for (std::vector<double>& of : samples) times.push_back(builder::summarise(std::move(of)).us);
  return times;
}

void add_float_times(builder::BuildReport& report, const builder::BuildReport& floats) {
  std::map<std::string_view, const builder::LayerReport*> by_name;
  for (const builder::LayerReport& layer : floats.layers) by_name.emplace(layer.name, &layer);
  for (builder::LayerReport& layer : report.layers) {
    if (layer.op.rfind("Quantized", 0) != 0) continue;
    const auto same = by_name.find(layer.name);
    if (same == by_name.end() || same->second->us <= 0) continue;
    layer.float_us = same->second->us;
    layer.float_type = same->second->compute;
  }
}

}  // namespace sinter::session
