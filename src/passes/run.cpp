// The pass driver: groups of pipeline.def to their fixed points, one patch at a time, the graph verified after each or after each pass.
#include <algorithm>

#include "passes/match.h"
#include "passes/run_list.h"

namespace sinter::passes {

#define PASS(name, group) Outcome name(ir::Graph& graph, ir::Node& node);
#include "passes/pipeline.def"
#undef PASS

std::span<const Pass> pipeline() {
  static const Pass kPasses[] = {
#define PASS(name, group) {#name, #group, name},
#include "passes/pipeline.def"
#undef PASS
  };
  return kPasses;
}

namespace {

constexpr std::string_view kStackGroup = "stack";
// A pipeline that changes a graph more often than this a node goes in circles.
constexpr int64_t kMaxPatchesPerNode = 60, kMaxPatchesAtLeast = 2000;

class Driver {
 public:
  Driver(ir::Graph& graph, const PassOptions& options) : graph_(graph), options_(options) {
    limit_ = std::max<int64_t>(kMaxPatchesAtLeast, kMaxPatchesPerNode * count_nodes(graph));
  }

  // Each pass to its own fixed point, all of them until none fires.
  Status run_group(std::span<const Pass> passes) {
    bool again = true;
    while (again && !stopped()) {
      again = false;
      for (const Pass& pass : passes) {
        SINTER_ASSIGN(const bool fired, run_to_fixed_point(pass));
        again = again || fired;
      }
      if (passes.size() == 1) break;
    }
    return ok_status();
  }

  bool enabled(const Pass& pass) const {
    if (!options_.stack_products && pass.group == kStackGroup) return false;
    return std::find(options_.disabled.begin(), options_.disabled.end(), pass.name) == options_.disabled.end();
  }

  PassReport report() {
    for (const auto& [pass, reasons] : declined_) {
      for (const auto& [place, reason] : reasons) ++report_.declined[pass][reason];
    }
    return std::move(report_);
  }

 private:
  static int64_t count_nodes(const ir::Graph& graph) {
    int64_t count = static_cast<int64_t>(graph.node_count());
    for (const auto& node : graph.nodes()) {
      for (const auto& [attribute, body] : node->subgraphs) count += count_nodes(*body);
    }
    return count;
  }

  bool stopped() const { return options_.stop_after_patch >= 0 && report_.patches >= options_.stop_after_patch; }

  Result<bool> run_to_fixed_point(const Pass& pass) {
    bool fired = false;
    while (!stopped()) {
      SINTER_ASSIGN(const bool more, sweep(pass, graph_));
      if (!more) break;
      if (!options_.verify_each) SINTER_TRY(ir::verify(graph_).with(fmt::format("after pass '{}'", pass.name)));
      fired = true;
    }
    return fired;
  }

  // Once over all nodes, bodies first. Patches may remove nodes ahead, so each is looked up before it is touched.
  Result<bool> sweep(const Pass& pass, ir::Graph& graph) {
    std::vector<std::pair<ir::Node*, int>> nodes;
    for (const auto& node : graph.nodes()) nodes.emplace_back(node.get(), node->id);
    bool fired = false;
    for (const auto& [node, id] : nodes) {
      if (stopped()) break;
      if (!graph.contains(node) || node->id != id) continue;
      for (auto& [attribute, body] : node->subgraphs) {
        SINTER_ASSIGN(const bool inner, sweep(pass, *body));
        fired = fired || inner;
      }
      SINTER_ASSIGN(const bool applied, visit(pass, graph, *node));
      fired = fired || applied;
    }
    return fired;
  }

  Result<bool> visit(const Pass& pass, ir::Graph& graph, ir::Node& node) {
    Outcome outcome = pass.match(graph, node);
    if (auto* declined = std::get_if<Declined>(&outcome)) decline_at(pass, node, std::move(declined->reason));
    auto* patch = std::get_if<ir::Patch>(&outcome);
    if (!patch) return false;
    if (std::string refusal = patch->refusal(); !refusal.empty()) {
      decline_at(pass, node, std::move(refusal));
      return false;
    }
    const std::string name = node.name;
    const std::string line = fmt::format("{} {} '{}' {}", report_.patches + 1, pass.name, name,
                                         patch->description().empty() ? node.op->full_name() : patch->description());
    Status status = patch->apply();
    if (status.ok() && options_.verify_each) status = ir::verify(graph_);
    if (!status.ok()) {
      return std::move(status).with(fmt::format("in patch {} of pass '{}' at node '{}'", report_.patches + 1, pass.name, name));
    }
    ++report_.patches;
    ++report_.fired[std::string(pass.name)];
    if (options_.trace) options_.trace(line);
    if (report_.patches > limit_) {
      return make_error(Code::kInternal, "passes do not end: {} patches, the last by '{}' at node '{}'; expected at most {}; "
                        "disable that pass and report this", report_.patches, pass.name, name, limit_);
    }
    return true;
  }

  // The last reason given for a node is the one that counts.
  void decline_at(const Pass& pass, const ir::Node& node, std::string reason) {
    declined_[std::string(pass.name)][{&graph_, node.id}] = std::move(reason);
  }

  ir::Graph& graph_;
  const PassOptions& options_;
  PassReport report_;
  std::map<std::string, std::map<std::pair<const ir::Graph*, int>, std::string>> declined_;
  int64_t limit_ = 0;
};

}  // namespace

Result<PassReport> run_pipeline(ir::Graph& graph, const PassOptions& options) {
  for (const std::string& name : options.disabled) {
    const auto all = pipeline();
    if (std::any_of(all.begin(), all.end(), [&](const Pass& pass) { return pass.name == name; })) continue;
    return make_error(Code::kNotFound, "pass '{}' to be disabled is none of the {} passes; they are listed in src/passes/pipeline.def", name,
                      all.size());
  }
  SINTER_TRY(ir::infer_types(graph));
  SINTER_TRY(ir::verify(graph));
  Driver driver(graph, options);
  std::vector<Pass> group;
  const auto all = pipeline();
  for (size_t i = 0; i < all.size(); ++i) {
    if (driver.enabled(all[i])) group.push_back(all[i]);
    if (i + 1 < all.size() && all[i + 1].group == all[i].group) continue;
    SINTER_TRY(driver.run_group(group));
    group.clear();
  }
  return driver.report();
}

Result<PassReport> run_pass(ir::Graph& graph, std::string_view name, const PassOptions& options) {
  for (const Pass& pass : pipeline()) {
    if (pass.name != name) continue;
    SINTER_TRY(ir::infer_types(graph));
    Driver driver(graph, options);
    SINTER_TRY(driver.run_group(std::span(&pass, 1)));
    return driver.report();
  }
  return make_error(Code::kNotFound, "there is no pass '{}'; see src/passes/pipeline.def", name);
}

Result<PassReport> run_list(ir::Graph& graph, std::span<const std::string_view> names, const PassOptions& options) {
  std::vector<Pass> group;
  const auto all = pipeline();
  for (const std::string_view name : names) {
    const auto pass = std::find_if(all.begin(), all.end(), [&](const Pass& candidate) { return candidate.name == name; });
    if (pass == all.end()) return make_error(Code::kNotFound, "there is no pass '{}'; see src/passes/pipeline.def", name);
    if (std::find(options.disabled.begin(), options.disabled.end(), name) == options.disabled.end()) group.push_back(*pass);
  }
  SINTER_TRY(ir::infer_types(graph));
  Driver driver(graph, options);
  SINTER_TRY(driver.run_group(group));
  return driver.report();
}

}  // namespace sinter::passes
