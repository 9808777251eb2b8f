// Products and normalizations as exporters write them, whatever the order of factors. For the passes that recognise activations
// and norms.
#pragma once

#include "passes/match.h"

namespace sinter::passes {

// A tree of Mul and of Div by a constant: constant * factor * factor …
struct Product {
  double constant = 1;
  std::vector<IrValue*> factors;
  std::vector<const Node*> nodes;  // of the tree, top first
};
// The tree below a Mul or Div; inner nodes only when nobody else reads them. nullopt: the node is neither.
std::optional<Product> match_product(const Node& top);

// value = constant * base^power.
struct Monomial {
  double constant = 1;
  int power = 0;
};
// How the value depends on `base` alone; visited nodes are added to `nodes`. nullopt: otherwise.
std::optional<Monomial> match_monomial(const IrValue* value, const IrValue* base, std::vector<const Node*>& nodes);

// value = other + constant, by an Add or Sub with a constant of one element.
struct Shifted {
  IrValue* other = nullptr;
  double constant = 0;
  const Node* node = nullptr;
};
std::optional<Shifted> match_shifted(const IrValue* value);

// The two factors of a product are x and f(x): returns x, and sets `inner` to the factor made by `op_name`.
std::optional<size_t> factor_by(const Product& product, std::string_view op_name);

// node = x / sqrt(mean(x², axes) + epsilon), written with Sqrt, Reciprocal, Div or Pow; the mean keeps its dims.
struct RootMean {
  IrValue* x = nullptr;
  double epsilon = 0;
  int64_t axis = 0;  // first of the trailing axes it goes over
  std::vector<const Node*> nodes;
};
std::optional<RootMean> match_root_mean(const Node& node);
// The trailing axes a ReduceMean that keeps dims goes over: the first one.
std::optional<int64_t> mean_axis(const Node& node);

// The multiplication and addition of constants of shape [n] behind a norm over the last axis.
struct GainAndBias {
  Node* last = nullptr;       // whose output is the whole result
  IrValue *gain = nullptr, *bias = nullptr;
  std::vector<const Node*> nodes;
};
GainAndBias match_gain_and_bias(Node& norm, bool with_bias);

}  // namespace sinter::passes
