#include "builder/builder.h"

#include <chrono>

#include "builder/region_builder.h"

namespace sinter::builder {
namespace {

Status check_options(const BuildOptions& options) {
  if (options.threads < 1) {
    return make_error(Code::kInvalidArgument, "threads: found {}, expected at least 1; leave --threads out for all usable cores", options.threads);
  }
  if (!isa_includes(cpu_info().hardware_isa, options.isa)) {
    return make_error(Code::kInvalidArgument, "instruction set: found {}, this machine has {}; tuning needs a machine that runs it",
                      isa_name(options.isa), isa_name(cpu_info().hardware_isa));
  }
  return ok_status();
}

}  // namespace

DeviceSpec spec_of(const BuildOptions& options) {
  constexpr int kAmpere = 80;
  constexpr int64_t kEverySharedBytes = 48 << 10;  // what every block may have without asking
  DeviceSpec spec = options.device ? options.device->spec() : DeviceSpec();
  if (!options.device || !options.ampere_plus) return spec;
  spec.sm = kAmpere;
  spec.shared_bytes = kEverySharedBytes;
  return spec;
}

std::string cpu_model(const BuildOptions& options) {
  return options.target ? options.target->text : cpu_info().model_name;
}

Result<BuildResult> build_plan(const ir::Graph& graph, const BuildOptions& options) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  SINTER_TRY(check_options(options));
  TimingCache own;
  TimingCache& cache = options.timings ? *options.timings : own;
  if (!options.timing_cache.empty() && cache.size() == 0) {
    SINTER_ASSIGN(cache, TimingCache::load(options.timing_cache));
  }
  BuildResult result;
  const DeviceScope scope(options.device);
  SINTER_TRY(scope.status());
  Tuner tuner(options, cache, graph);
  BuildState state{options, collect_symbols(graph, options), tuner, result, {}};
  plan::Plan& plan = result.plan;
  plan.threads = options.threads;
  plan.isa = isa_name(options.isa);
  plan.cpu_model = cpu_model(options);
  if (options.device) {
    plan.device = spec_of(options);
    plan.device_model = options.device->name();
  }
  plan.symbols = state.symbols.ranges;
  plan.regions.emplace_back();
  plan.regions[0].name = graph.name.empty() ? "main" : graph.name;
  SINTER_TRY(RegionBuilder(state, graph, nullptr, 0).build());
  // Steps on a GPU ask nothing of the host's processor.
  if (options.device && result.report.cpu_layers == 0) plan.isa = isa_name(Isa::kBaseline);
  SINTER_TRY(plan::validate(plan).with("while checking the plan the builder made: this is a bug in Sinter"));
  if (!options.timing_cache.empty() && cache.changed()) result.timing_cache_saved = cache.save(options.timing_cache);

  BuildReport& report = result.report;
  report.device = options.device ? fmt::format("{} (sm_{})", plan.device_model, plan.device.sm) : fmt::format("{} ({})", plan.cpu_model, plan.isa);
  report.threads = options.threads;
  report.timed_offers = tuner.timed();
  report.cached_offers = tuner.from_cache();
  result.estimated_offers = tuner.estimated();
  if (tuner.estimated() > 0)
    report.notes.push_back(fmt::format("not measured on target: {} of {} times are estimates", tuner.estimated(),
                                       tuner.estimated() + tuner.from_cache()));
  report.build_s = report.tuning_s = std::chrono::duration<double>(Clock::now() - start).count();
  return result;
}

}  // namespace sinter::builder
