#include "session/tactics_report.h"

#include <algorithm>
#include <limits>

#include "builder/node_problem.h"
#include "builder/tuner.h"

namespace sinter::session {
namespace {

// Times within this of each other can't be told apart by a clock of tens of nanoseconds and a cold cache line or two.
constexpr double kResolutionUs = 1.0;

struct Layer {
  const plan::Step* step;
  const ir::Node* node;
};

std::string layouts_of(const Offer& offer) {
  if (offer.input_layouts.empty() || offer.output_layouts.empty()) return "";
  return fmt::format("{} → {}", layout_name(offer.input_layouts[0]), layout_name(offer.output_layouts[0]));
}

bool is_pick(const builder::Candidate& candidate, const plan::Step& step) {
  return candidate.tactic->id() == step.tactic && candidate.offer.config == step.offer.config &&
         candidate.offer.input_layouts == step.offer.input_layouts && candidate.offer.output_layouts == step.offer.output_layouts;
}

// Appends the layer's offers to the text; false when the pick is beaten by more than the share.
bool judge(const Layer& layer, const builder::Candidates& candidates, double share, std::string& text) {
  double best = std::numeric_limits<double>::infinity(), picked = best;
  for (const builder::Candidate& candidate : candidates.offers) {
    if (!candidate.timed) continue;
    const bool pick = is_pick(candidate, *layer.step);
    const bool rival = candidate.offer.input_layouts == layer.step->offer.input_layouts &&
                       candidate.offer.output_layouts == layer.step->offer.output_layouts;
    if (rival) best = std::min(best, candidate.timing.us);
    if (pick) picked = candidate.timing.us;
    text += fmt::format("  {} {}@{} {} [{}] {:.1f} us (spread {:.0f} %), workspace {} bytes\n", pick ? "*" : " ", candidate.tactic->id(),
                        candidate.tactic->version(), candidate.offer.config, layouts_of(candidate.offer), candidate.timing.us,
                        100 * candidate.timing.spread, candidate.offer.workspace_bytes);
  }
  const bool good = share < 0 || picked <= best * (1 + share) + kResolutionUs;
  if (!good) text += fmt::format("  FAILED: the pick takes {:.1f} us, the best of the same layouts {:.1f} us\n", picked, best);
  return good;
}

}  // namespace

Result<TacticsReport> report_tactics(const BuildRequest& request, const TacticsOptions& options) {
  SINTER_ASSIGN(const Optimised optimised, import_and_optimise(request));
  const ir::Graph& graph = *optimised.model.graph;
  SINTER_ASSIGN(const builder::BuildResult built, builder::build_plan(graph, request.build));
  builder::BuildOptions again = request.build;
  again.time_all = true;
  const DeviceScope scope(request.build.device);
  SINTER_TRY(scope.status());
  builder::TimingCache nothing;
  builder::Tuner tuner(again, nothing, graph);
  const builder::SymbolTable symbols = builder::collect_symbols(graph, again);
  TacticsReport report;
  for (const plan::Step& step : built.plan.regions[0].steps) {
    const ir::Node* node = graph.find_node(step.name);
    if (!node || step.kind != plan::StepKind::kKernel) continue;
    if (!options.only_layer.empty() && step.name.find(options.only_layer) == step.name.npos) continue;
    const Problem problem = builder::make_problem(*node, symbols, again, step.problem.on_cuda() ? plan::Place::kDevice : plan::Place::kHost);
    std::vector<Tensor> constants;
    for (const ir::Value* input : node->inputs) constants.push_back(input && input->is_constant() ? input->constant : Tensor());
    builder::Candidates candidates = builder::collect_candidates(problem, again);
    SINTER_TRY(tuner.time(problem, constants, candidates.offers));
    ++report.layers;
    report.text += fmt::format("{}: {}\n", step.name, problem.to_string());
    if (options.assert_share >= 0) ++report.checked;
    if (!judge({&step, node}, candidates, options.assert_share, report.text)) ++report.failed;
    if (!options.refusals) continue;
    for (const std::string& refusal : candidates.refusals) report.text += fmt::format("    refused: {}\n", refusal);
  }
  if (options.assert_share >= 0) {
    report.text += fmt::format("{} of {} layers: the pick is within {:.0f} % of the best\n", report.checked - report.failed, report.checked,
                               100 * options.assert_share);
  }
  return report;
}

}  // namespace sinter::session
