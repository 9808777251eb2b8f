// Passes: rewrites of the graph, one file each, in the order of pipeline.def.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ir/graph.h"
#include "ir/patch.h"

namespace sinter::passes {

struct PassOptions {
  bool stack_products = false;     // products become batches: for GPUs
  std::vector<std::string> disabled;  // pass names to skip
  int64_t stop_after_patch = -1;   // apply at most so many patches; -1: all
  bool verify_each = true;  // the graph's invariants after every patch, whose time grows with the graph's size; false: after every pass
  std::function<void(std::string_view line)> trace;  // one line a patch: number, pass, node, description
};

// What a pass says of one node: a patch to apply, a reason why not although the shape of the pattern was there, or nothing.
struct NoMatch {};
struct Declined { std::string reason; };
using Outcome = std::variant<NoMatch, Declined, ir::Patch>;
template <typename... Args>
Declined decline(fmt::format_string<Args...> format, Args&&... args) {
  return {fmt::format(format, std::forward<Args>(args)...)};
}

struct Pass {
  std::string_view name;   // = file name = list entry = trace name = test file
  std::string_view group;  // pipeline stage it is run in
  Outcome (*match)(ir::Graph& graph, ir::Node& node);
};

struct PassReport {
  std::map<std::string, int64_t, std::less<>> fired;     // pass → patches applied
  std::map<std::string, std::map<std::string, int64_t>> declined;  // pass → reason → times
  int64_t patches = 0;
};

std::span<const Pass> pipeline();  // in order
// Runs every group of the pipeline to its fixed point on the graph and nested graphs, innermost first.
Result<PassReport> run_pipeline(ir::Graph& graph, const PassOptions& options);
// One pass alone to its fixed point (tests).
Result<PassReport> run_pass(ir::Graph& graph, std::string_view name, const PassOptions& options = {});

}  // namespace sinter::passes
