// fuse_hard_swish: x · min(max(x + 3, 0), 6) / 6 in the forms exporters write.
//
//   Mul(%x, HardSigmoid(%x) [alpha=1/6, beta=0.5])   →   HardSwish(%x)
//   Div(Mul(%x, Clip(Add(%x, 3), 0, 6)), 6)          →   HardSwish(%x)       factors and divisor in any order
#include <cmath>

#include "passes/product.h"

namespace sinter::passes {
namespace fuse_hard_swish_impl {

constexpr double kTolerance = 2e-3;  // exporters round 1/6 to f16
bool near(double a, double b) { return std::abs(a - b) <= kTolerance * std::abs(b); }

// gate = constant · HardSigmoid(x); the nodes seen are added.
std::optional<double> match_gate(const IrValue* gate, const IrValue* x, std::vector<const Node*>& nodes) {
  if (const Node* sigmoid = producer(gate, "HardSigmoid")) {
    nodes.push_back(sigmoid);
    const bool standard = near(sigmoid->attributes.f("alpha"), 1.0 / 6) && near(sigmoid->attributes.f("beta"), 0.5);
    return standard && sigmoid->input(0) == x ? std::optional<double>(1) : std::nullopt;
  }
  const Node* clip = producer(gate, "Clip");
  const auto shifted = clip ? match_shifted(clip->input(0)) : std::nullopt;
  if (!shifted || shifted->other != x || !near(shifted->constant, 3)) return std::nullopt;
  if (!is_scalar(clip->input(1), 0) || !is_scalar(clip->input(2), 6)) return std::nullopt;
  nodes.push_back(clip);
  nodes.push_back(shifted->node);
  return 6;
}

}  // namespace fuse_hard_swish_impl

Outcome fuse_hard_swish(Graph& graph, Node& node) {
  using namespace fuse_hard_swish_impl;
  const auto product = match_product(node);
  if (!product || product->factors.size() != 2) return NoMatch{};
  for (size_t i = 0; i < 2; ++i) {
    IrValue* x = product->factors[i];
    std::vector<const Node*> nodes = product->nodes;
    const auto factor = match_gate(product->factors[1 - i], x, nodes);
    if (!factor || !near(*factor * product->constant, 1) || !same_shape(x, node.output())) continue;
    Patch patch(graph, node);
    patch.replace(node.output(), patch.add_node(op("HardSwish"), node.name, {x}, 1, {}, nodes)->output());
    return patch;
  }
  return NoMatch{};
}

}  // namespace sinter::passes
