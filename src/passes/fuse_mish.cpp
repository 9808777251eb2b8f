// fuse_mish: Mul(%x, Tanh(Softplus(%x)))   →   Mish(%x)
//
// Softplus may be written out as Log(Add(Exp(%x), 1)).
#include "passes/product.h"

namespace sinter::passes {
namespace fuse_mish_impl {

const IrValue* match_softplus(const IrValue* value, std::vector<const Node*>& nodes) {
  if (const Node* softplus = producer(value, "Softplus")) return nodes.push_back(softplus), softplus->input(0);
  const Node* log = producer(value, "Log");
  const auto shifted = log ? match_shifted(log->input(0)) : std::nullopt;
  const Node* exp = shifted && shifted->constant == 1 ? producer(shifted->other, "Exp") : nullptr;
  if (!exp) return nullptr;
  nodes.insert(nodes.end(), {log, shifted->node, exp});
  return exp->input(0);
}

}  // namespace fuse_mish_impl

Outcome fuse_mish(Graph& graph, Node& node) {
  if (!node.is("Mul")) return NoMatch{};
  const auto product = match_product(node);
  if (!product || product->constant != 1 || product->factors.size() != 2) return NoMatch{};
  for (size_t i = 0; i < 2; ++i) {
    IrValue* x = product->factors[1 - i];
    const Node* tanh = producer(product->factors[i], "Tanh");
    if (!tanh) continue;
    std::vector<const Node*> nodes = product->nodes;
    nodes.push_back(tanh);
    if (fuse_mish_impl::match_softplus(tanh->input(0), nodes) != x || !same_shape(x, node.output())) continue;
    Patch patch(graph, node);
    patch.replace(node.output(), patch.add_node(op("Mish"), node.name, {x}, 1, {}, nodes)->output());
    return patch;
  }
  return NoMatch{};
}

}  // namespace sinter::passes
