// fuse_gelu: both forms of GELU, in whatever order the factors were exported.
//
//   0.5 · x · (1 + Erf(x / √2))                             →   Gelu(x) [approximate="none"]
//   0.5 · x · (1 + Tanh(√(2/π) · (x + 0.044715·x³)))        →   Gelu(x) [approximate="tanh"]
//
// Constants must agree to kTolerance (exporters round them to f16); results differ by the order of roundings.
#include <cmath>

#include "passes/product.h"

namespace sinter::passes {
namespace fuse_gelu_impl {

constexpr double kTolerance = 2e-3;
constexpr double kSqrtHalf = 0.70710678118654752440, kSqrtTwoOverPi = 0.79788456080286535588, kCubic = 0.044715;

bool near(double a, double b) { return std::abs(a - b) <= kTolerance * std::abs(b); }

// value = √(2/π)·(x + 0.044715·x³), or with x taken out: √(2/π)·x·(1 + 0.044715·x²).
bool is_tanh_argument(const IrValue* value, const IrValue* x, std::vector<const Node*>& nodes) {
  if (!value->producer) return false;
  const auto product = match_product(*value->producer);
  if (!product || !near(product->constant, kSqrtTwoOverPi)) return false;
  nodes.insert(nodes.end(), product->nodes.begin(), product->nodes.end());
  auto cubic = [&](const IrValue* part, int power) {
    const auto monomial = match_monomial(part, x, nodes);
    return monomial && monomial->power == power && near(monomial->constant, kCubic);
  };
  if (product->factors.size() == 1) {
    const Node* sum = producer(product->factors[0], "Add");
    if (!sum) return false;
    nodes.push_back(sum);
    const IrValue* rest = other_input(*sum, x);
    return rest && cubic(rest, 3);
  }
  if (product->factors.size() != 2) return false;
  for (size_t i = 0; i < 2; ++i) {
    const auto shifted = product->factors[i] == x ? match_shifted(product->factors[1 - i]) : std::nullopt;
    if (!shifted || !near(shifted->constant, 1)) continue;
    nodes.push_back(shifted->node);
    return cubic(shifted->other, 2);
  }
  return false;
}

}  // namespace fuse_gelu_impl

Outcome fuse_gelu(Graph& graph, Node& node) {
  using namespace fuse_gelu_impl;
  auto product = match_product(node);
  if (!product || product->factors.size() != 2 || !near(product->constant, 0.5)) return NoMatch{};
  for (size_t i = 0; i < 2; ++i) {
    IrValue* x = product->factors[i];
    const auto shifted = match_shifted(product->factors[1 - i]);
    const Node* inner = shifted && near(shifted->constant, 1) ? shifted->other->producer : nullptr;
    if (!inner || !(inner->is("Erf") || inner->is("Tanh")) || !same_shape(x, node.output())) continue;
    std::vector<const Node*> nodes = product->nodes;
    nodes.push_back(shifted->node);
    nodes.push_back(inner);
    if (inner->is("Erf")) {
      const auto argument = match_monomial(inner->input(0), x, nodes);
      if (!argument || argument->power != 1 || !near(argument->constant, kSqrtHalf)) continue;
    } else if (!is_tanh_argument(inner->input(0), x, nodes)) {
      continue;
    }
    Attributes attributes;
    attributes.set("approximate", std::string(inner->is("Erf") ? "none" : "tanh"));
    Patch patch(graph, node);
    patch.replace(node.output(), patch.add_node(op("Gelu"), node.name, {x}, 1, std::move(attributes), nodes)->output());
    patch.describe(inner->is("Erf") ? "erf form" : "tanh form");
    return patch;
  }
  return NoMatch{};
}

}  // namespace sinter::passes
