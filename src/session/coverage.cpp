#include "session/coverage.h"

#include "builder/node_problem.h"
#include "builder/tuner.h"

namespace sinter::session {
namespace {

constexpr size_t kShownRefusals = 3;

class Counter {
 public:
  Counter(const builder::BuildOptions& options, const builder::SymbolTable& symbols, Coverage& coverage) : options_(options), symbols_(symbols), coverage_(coverage) {}

  void count(const ir::Graph& graph) {
    for (const auto& node : graph.nodes()) {
      count(*node);
      for (const auto& [name, body] : node->subgraphs) count(*body);
    }
  }

 private:
  void count(const ir::Node& node) {
    const std::string op = node.op->full_name();
    switch (builder::classify(node, symbols_)) {
      case builder::NodeKind::kView: ++coverage_.views[op]; return;
      case builder::NodeKind::kControl: ++coverage_.control[op]; return;
      case builder::NodeKind::kReference: return reference(node, op, "text, containers, or sizes that depend on data");
      case builder::NodeKind::kKernel: break;
    }
    const plan::Place place = options_.device ? plan::Place::kDevice : plan::Place::kHost;
    const builder::Candidates candidates = builder::collect_candidates(builder::make_problem(node, symbols_, options_, place), options_);
    if (!candidates.offers.empty()) {
      ++coverage_.fast[op];
      return;
    }
    std::string why = candidates.refusals.empty() ? "there is no fast kernel for it" : "";
    for (size_t i = 0; i < candidates.refusals.size() && i < kShownRefusals; ++i) why += (i ? "; " : "") + candidates.refusals[i];
    reference(node, op, why);
  }

  void reference(const ir::Node& node, const std::string& op, const std::string& why) {
    if (++coverage_.reference[op] == 1) coverage_.reasons[op] = fmt::format("node '{}': {}", node.name, why);
  }

  const builder::BuildOptions& options_;
  const builder::SymbolTable& symbols_;
  Coverage& coverage_;
};

}  // namespace

Result<Coverage> cover(const BuildRequest& request) {
  SINTER_ASSIGN(const Optimised optimised, import_and_optimise(request));
  const ir::Graph& graph = *optimised.model.graph;
  const builder::SymbolTable symbols = builder::collect_symbols(graph, request.build);
  Coverage coverage;
  Counter(request.build, symbols, coverage).count(graph);
  return coverage;
}

}  // namespace sinter::session
