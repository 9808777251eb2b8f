// eliminate_common_subexpressions: of two nodes with the same operator, attributes and inputs the later one goes.
//
//   %a = Relu(%x)  %b = Relu(%x)   →   %a = Relu(%x), and %a wherever %b was
//
// Inputs are the same when they are one value or equal small constants.
#include "passes/match.h"

namespace sinter::passes {
namespace eliminate_common_subexpressions_impl {

constexpr int64_t kComparedElements = 64;

bool same_input(const IrValue* a, const IrValue* b) {
  if (a == b) return true;
  const Tensor *x = constant_of(a), *y = constant_of(b);
  return x && y && x->count() <= kComparedElements && x->identical(*y);
}

bool same_work(const Node& a, const Node& b) {
  if (a.op != b.op || a.inputs.size() != b.inputs.size() || a.outputs.size() != b.outputs.size()) return false;
  for (size_t i = 0; i < a.inputs.size(); ++i) {
    if (!same_input(a.inputs[i], b.inputs[i])) return false;
  }
  for (size_t i = 0; i < a.outputs.size(); ++i) {
    if (b.outputs[i] && !a.outputs[i]) return false;  // a has not what b computes
  }
  return a.attributes == b.attributes;
}

}  // namespace eliminate_common_subexpressions_impl

Outcome eliminate_common_subexpressions(Graph& graph, Node& node) {
  using namespace eliminate_common_subexpressions_impl;
  if (node.op->is(kNondeterministic) || !node.subgraphs.empty()) return NoMatch{};
  const IrValue* shared = nullptr;
  for (const IrValue* input : node.inputs) {
    if (input && !input->is_constant()) shared = input;
  }
  if (!shared) return NoMatch{};
  for (Node* other : graph.users(shared)) {
    if (other == &node) break;  // users come in graph order: only earlier ones stand for later ones
    if (!other->subgraphs.empty() || !same_work(*other, node)) continue;
    Patch patch(graph, node);
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i]) patch.replace(node.outputs[i], other->outputs[i]);
    }
    patch.describe(fmt::format("{} is '{}' again", node.op->full_name(), other->name));
    return patch;
  }
  return NoMatch{};
}

}  // namespace sinter::passes
