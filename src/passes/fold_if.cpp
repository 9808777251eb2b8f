// fold_if: an If whose condition is constant becomes the branch that it takes.
//
//   %y = If(%true) then { Relu(%x) } else { … }   →   %y = Relu(%x)
//
// Exporters write an If wherever Python asked for a shape; with the shapes of a build known most conditions are constants, and types that
// both branches had to fit become exact.
#include "passes/match.h"

namespace sinter::passes {
namespace fold_if_impl {

// Values of the branch → what stands for them outside.
class Inlining {
 public:
  Inlining(Patch& patch, const Node& node) : patch_(patch), node_(node) {}

  void add(const Node& inner) {
    std::vector<IrValue*> inputs;
    for (const IrValue* input : inner.inputs) inputs.push_back(input ? outside(input) : nullptr);
    Node* copy = patch_.add_node(inner.op, inner.name, std::move(inputs), static_cast<int>(inner.outputs.size()), inner.attributes, {&node_, &inner});
    for (size_t i = 0; i < inner.outputs.size(); ++i) {
      if (!inner.outputs[i]) continue;
      copy->outputs[i]->onnx_names = inner.outputs[i]->onnx_names;
      made_[inner.outputs[i]] = copy->outputs[i];
    }
  }

  IrValue* outside(const IrValue* inner) {
    if (inner->captured) return const_cast<IrValue*>(inner->captured);
    IrValue*& value = made_[inner];
    if (!value && inner->is_constant()) value = patch_.add_constant(inner->name, inner->constant, {inner});
    return value;
  }

 private:
  Patch& patch_;
  const Node& node_;
  std::map<const IrValue*, IrValue*> made_;
};

}  // namespace fold_if_impl

Outcome fold_if(Graph& graph, Node& node) {
  using namespace fold_if_impl;
  if (!node.is("If") || has_epilogue(node)) return NoMatch{};
  const Tensor* condition = constant_of(node.input(0));
  if (!condition || condition->count() != 1) return decline("the condition is not constant");
  const Graph& branch = *node.subgraphs.at(condition->to_i64()[0] != 0 ? "then_branch" : "else_branch");
  for (const auto& inner : branch.nodes()) {
    if (!inner->subgraphs.empty()) return decline("its branch has a node with bodies, '{}'", inner->name);
  }
  if (branch.outputs.size() < node.outputs.size()) return decline("its branch has too few outputs");
  Patch patch(graph, node);
  Inlining inlining(patch, node);
  for (const auto& inner : branch.nodes()) inlining.add(*inner);
  for (size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i]) patch.replace(node.outputs[i], inlining.outside(branch.outputs[i]));
  }
  patch.describe(condition->to_i64()[0] != 0 ? "takes its then_branch" : "takes its else_branch");
  return patch;
}

}  // namespace sinter::passes
