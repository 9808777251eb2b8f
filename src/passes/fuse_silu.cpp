// fuse_silu: x times its sigmoid is ONNX's Swish (SiLU when alpha is 1).
//
//   Mul(%x, Sigmoid(%x))                 →   Swish(%x) [alpha=1]
//   Mul(%x, Sigmoid(Mul(%x, %alpha)))    →   Swish(%x) [alpha=…]
#include "passes/product.h"

namespace sinter::passes {

Outcome fuse_silu(Graph& graph, Node& node) {
  if (!node.is("Mul")) return NoMatch{};
  const auto product = match_product(node);
  if (!product || product->constant != 1 || product->factors.size() != 2) return NoMatch{};
  for (size_t i = 0; i < 2; ++i) {
    IrValue* x = product->factors[1 - i];
    const Node* sigmoid = producer(product->factors[i], "Sigmoid");
    if (!sigmoid) continue;
    std::vector<const Node*> nodes = product->nodes;
    nodes.push_back(sigmoid);
    const auto argument = match_monomial(sigmoid->input(0), x, nodes);
    if (!argument || argument->power != 1 || !same_shape(x, node.output())) continue;
    Attributes attributes;
    attributes.set("alpha", static_cast<float>(argument->constant));
    Patch patch(graph, node);
    patch.replace(node.output(), patch.add_node(op("Swish"), node.name, {x}, 1, std::move(attributes), nodes)->output());
    return patch;
  }
  return NoMatch{};
}

}  // namespace sinter::passes
