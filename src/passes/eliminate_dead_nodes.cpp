// eliminate_dead_nodes: removes nodes none of whose outputs is used.
//
//   %a = Relu(%x)            →   (nothing)          when nobody reads %a
#include <algorithm>

#include "passes/match.h"

namespace sinter::passes {

Outcome eliminate_dead_nodes(Graph& graph, Node& node) {
  const bool used = std::any_of(node.outputs.begin(), node.outputs.end(),
                                [&](const IrValue* output) { return output && graph.use_count(output) > 0; });
  if (used) return NoMatch{};
  Patch patch(graph, node);
  patch.remove(&node);
  return patch;
}

}  // namespace sinter::passes
