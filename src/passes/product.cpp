// Products and normalizations as exporters write them (product.h).
#include "passes/product.h"

#include <cmath>

namespace sinter::passes {
namespace {

constexpr int kMaxDepth = 6;

bool add_factors(const Node& node, Product& product, int depth) {
  if (has_epilogue(node) || node.inputs.size() != 2) return false;
  const bool division = node.is("Div");
  if (!division && !node.is("Mul")) return false;
  const double divisor = division ? scalar_of(node.inputs[1]).value_or(0) : 1;
  if (divisor == 0) return false;
  product.nodes.push_back(&node);
  product.constant /= divisor;
  for (size_t i = 0; i < (division ? 1u : 2u); ++i) {
    IrValue* input = node.inputs[i];
    if (const auto number = scalar_of(input)) {
      product.constant *= *number;
    } else if (depth >= kMaxDepth || !input->producer || !used_once(input) || !add_factors(*input->producer, product, depth + 1)) {
      product.factors.push_back(input);
    }
  }
  return true;
}

// value = 1 / sqrt(inner), or sqrt(inner) when `inverted` is false.
const IrValue* match_root(const IrValue* value, bool inverted, std::vector<const Node*>& nodes) {
  if (!inverted) {
    const Node* root = producer(value, "Sqrt");
    const Node* power = producer(value, "Pow");
    if (root) return nodes.push_back(root), root->input(0);
    return power && is_scalar(power->input(1), 0.5) ? (nodes.push_back(power), power->input(0)) : nullptr;
  }
  if (const Node* power = producer(value, "Pow")) {
    return is_scalar(power->input(1), -0.5) ? (nodes.push_back(power), power->input(0)) : nullptr;
  }
  if (const Node* reciprocal = producer(value, "Reciprocal")) {
    nodes.push_back(reciprocal);
    return match_root(reciprocal->input(0), false, nodes);
  }
  const Node* quotient = producer(value, "Div");
  if (!quotient || !is_scalar(quotient->input(0), 1)) return nullptr;
  nodes.push_back(quotient);
  return match_root(quotient->input(1), false, nodes);
}

}  // namespace

std::optional<Product> match_product(const Node& top) {
  Product product;
  if (!add_factors(top, product, 0)) return std::nullopt;
  return product;
}

std::optional<Monomial> match_monomial(const IrValue* value, const IrValue* base, std::vector<const Node*>& nodes) {
  if (value == base) return Monomial{1, 1};
  if (!value || !value->producer) return std::nullopt;
  if (const Node* power = producer(value, "Pow")) {
    const auto exponent = scalar_of(power->input(1));
    if (!exponent || (*exponent != 2 && *exponent != 3)) return std::nullopt;
    auto inner = match_monomial(power->input(0), base, nodes);
    if (!inner) return std::nullopt;
    nodes.push_back(power);
    return Monomial{std::pow(inner->constant, *exponent), inner->power * static_cast<int>(*exponent)};
  }
  if (!value->producer->is("Mul") && !value->producer->is("Div")) return std::nullopt;
  const auto product = match_product(*value->producer);
  if (!product) return std::nullopt;
  Monomial result{product->constant, 0};
  for (const IrValue* factor : product->factors) {
    const auto part = factor == value ? std::nullopt : match_monomial(factor, base, nodes);
    if (!part) return std::nullopt;
    result.constant *= part->constant;
    result.power += part->power;
  }
  nodes.insert(nodes.end(), product->nodes.begin(), product->nodes.end());
  return result;
}

std::optional<Shifted> match_shifted(const IrValue* value) {
  const Node* node = producer(value, "Add");
  if (!node) node = producer(value, "Sub");
  if (!node || node->inputs.size() != 2) return std::nullopt;
  if (const auto number = scalar_of(node->inputs[1])) return Shifted{node->inputs[0], node->is("Sub") ? -*number : *number, node};
  const auto number = node->is("Add") ? scalar_of(node->inputs[0]) : std::nullopt;
  if (!number) return std::nullopt;
  return Shifted{node->inputs[1], *number, node};
}

std::optional<size_t> factor_by(const Product& product, std::string_view op_name) {
  for (size_t i = 0; i < product.factors.size(); ++i) {
    if (producer(product.factors[i], op_name)) return i;
  }
  return std::nullopt;
}

std::optional<int64_t> mean_axis(const Node& node) {
  if (!node.is("ReduceMean") || node.attributes.i_or("keepdims", 1) != 1) return std::nullopt;
  const int rank = rank_of(node.input(0));
  auto axes = ints_of(node.input(1));
  if (!axes || axes->empty() || rank < 1) return std::nullopt;
  int64_t first = rank;
  std::vector<bool> seen(rank, false);
  for (int64_t axis : *axes) {
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank || seen[axis]) return std::nullopt;
    seen[axis] = true;
    first = std::min(first, axis);
  }
  if (rank - first != static_cast<int64_t>(axes->size())) return std::nullopt;
  return first;
}

std::optional<RootMean> match_root_mean(const Node& node) {
  if (node.inputs.size() != 2 || has_epilogue(node) || !(node.is("Div") || node.is("Mul"))) return std::nullopt;
  for (size_t i = 0; i < (node.is("Div") ? 1u : 2u); ++i) {
    RootMean result;
    result.nodes.push_back(&node);
    result.x = node.inputs[i];
    const IrValue* sum = match_root(node.inputs[1 - i], node.is("Mul"), result.nodes);
    const auto shifted = match_shifted(sum);
    const Node* mean = shifted ? producer(shifted->other, "ReduceMean") : nullptr;
    const auto axis = mean ? mean_axis(*mean) : std::nullopt;
    if (!axis) continue;
    const auto square = match_monomial(mean->input(0), result.x, result.nodes);
    if (!square || square->power != 2 || square->constant != 1) continue;
    result.epsilon = shifted->constant;
    result.axis = *axis;
    result.nodes.push_back(shifted->node);
    result.nodes.push_back(mean);
    return result;
  }
  return std::nullopt;
}

GainAndBias match_gain_and_bias(Node& norm, bool with_bias) {
  GainAndBias result;
  result.last = &norm;
  const Shape* shape = shape_of(norm.output());
  if (!shape || shape->empty()) return result;
  auto constant_operand = [&](Node* node, const IrValue* from) -> IrValue* {
    IrValue* operand = node->inputs.size() == 2 ? other_input(*node, from) : nullptr;
    const Tensor* tensor = constant_of(operand);
    return tensor && tensor->rank() == 1 && shape->back().is(tensor->dim(0)) && same_dtype(operand, from) ? operand : nullptr;
  };
  Node* next = only_user(norm.output());
  if (next && next->is("Mul") && !has_epilogue(*next)) {
    result.gain = constant_operand(next, norm.output());
    if (result.gain) {
      result.last = next;
      result.nodes.push_back(next);
    }
  }
  next = only_user(result.last->output());
  if (with_bias && result.gain && next && next->is("Add") && !has_epilogue(*next)) {
    result.bias = constant_operand(next, result.last->output());
    if (result.bias) {
      result.last = next;
      result.nodes.push_back(next);
    }
  }
  return result;
}

}  // namespace sinter::passes
