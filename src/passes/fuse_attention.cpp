// fuse_attention: scaled dot-product attention as exporters write it becomes ONNX's Attention (4-d form).
//
//   s = MatMul(q, kᵀ);  s = Mul(s, scale);  s = Add(s, mask);  y = MatMul(Softmax(s), v)
//     →  y = Attention(q, k, v, mask) [scale]
//
// The scale may be a factor or divisor of s, q or kᵀ, or several of these; the mask is optional and added, or a Where with -inf. A
// guard Where(IsNaN(p), 0, p) behind the Softmax is dropped: Attention gives zeros for a query without keys. kᵀ is usually a
// transpose, which becomes the one k needs (also behind a Reshape that only adds a leading 1), so that it can vanish. Results differ by
// the order of roundings.
#include <algorithm>
#include <cmath>

#include "passes/match.h"

namespace sinter::passes {
namespace fuse_attention_impl {

struct Parts {
  IrValue *q = nullptr, *k_transposed = nullptr, *v = nullptr, *mask = nullptr;
  double scale = 1;
  std::vector<const Node*> nodes;
  std::string reason;
};

// Walks through Mul and Div by constants of one element.
IrValue* strip_scale(IrValue* value, Parts& parts) {
  while (value && value->producer && used_once(value)) {
    const Node& node = *value->producer;
    const bool division = node.is("Div");
    if (has_epilogue(node) || !(division || node.is("Mul"))) break;
    const auto right = scalar_of(node.input(1)), left = scalar_of(node.input(0));
    if (!right && (division || !left)) break;
    IrValue* inner = right ? node.input(0) : node.input(1);
    if (!same_shape(inner, value)) break;
    parts.scale = division ? parts.scale / *right : parts.scale * (right ? *right : *left);
    parts.nodes.push_back(&node);
    value = inner;
  }
  return value;
}

// The Softmax over the last axis behind `value`, through a guard against NaN.
const Node* match_softmax(const IrValue* value, Parts& parts) {
  if (const Node* guard = producer(value, "Where")) {
    const Node* test = producer(guard->input(0), "IsNaN");
    if (!test || test->input(0) != guard->input(2) || !is_scalar(guard->input(1), 0)) return nullptr;
    parts.nodes.insert(parts.nodes.end(), {guard, test});
    value = guard->input(2);
    if (value->graph->use_count(value) != 2) return nullptr;
  } else if (!used_once(value)) {
    return nullptr;
  }
  const Node* softmax = producer(value, "Softmax");
  if (!softmax) return nullptr;
  const int64_t axis = softmax->attributes.i("axis");
  if (axis != -1 && axis != rank_of(value) - 1) return nullptr;
  parts.nodes.push_back(softmax);
  return softmax;
}

// Takes the mask off; the scores before it, null when there is a Where that is no mask.
IrValue* strip_mask(IrValue* scores, Parts& parts) {
  if (!used_once(scores)) return scores;
  if (const Node* sum = producer(scores, "Add")) {
    for (size_t i = 0; i < 2; ++i) {
      Parts attempt;
      const IrValue* inner = strip_scale(sum->input(i), attempt);
      if (!producer(inner, "MatMul") || !same_shape(sum->input(i), scores)) continue;
      parts.mask = sum->input(1 - i);
      parts.nodes.push_back(sum);
      return sum->input(i);
    }
    return scores;
  }
  const Node* choice = producer(scores, "Where");
  if (!choice) return scores;
  const auto fill = scalar_of(choice->input(2));
  if (!fill || !std::isinf(*fill) || *fill > 0) return parts.reason = "the mask fills with another value than -inf", nullptr;
  parts.mask = choice->input(0);
  parts.nodes.push_back(choice);
  return choice->input(1);
}

bool match(const Node& node, Parts& parts) {
  const Node* softmax = match_softmax(node.input(0), parts);
  if (!softmax) return false;
  parts.v = node.input(1);
  IrValue* scores = strip_mask(softmax->input(0), parts);
  if (!scores) return true;  // with a reason
  scores = strip_scale(scores, parts);
  const Node* product = used_once(scores) ? producer(scores, "MatMul") : nullptr;
  if (!product) return false;
  parts.nodes.push_back(product);
  parts.q = strip_scale(product->input(0), parts);
  parts.k_transposed = strip_scale(product->input(1), parts);
  return true;
}

std::string objection(const Parts& parts) {
  const Shape *q = shape_of(parts.q), *k = shape_of(parts.k_transposed), *v = shape_of(parts.v);
  if (!q || !k || !v || q->size() != 4 || k->size() != 4 || v->size() != 4) return "q, k and v are not of rank 4";
  if ((*q)[0] != (*k)[0] || (*q)[0] != (*v)[0] || (*q)[1] != (*k)[1] || (*q)[1] != (*v)[1]) return "batch or heads are broadcast";
  if (!is_small_float(parts.q) || !same_dtype(parts.q, parts.k_transposed) || !same_dtype(parts.q, parts.v)) return "types of q, k, v";
  if (!parts.mask) return "";
  const Shape* mask = shape_of(parts.mask);
  if (!mask || mask->size() < 2 || mask->back() != k->back()) return "the mask does not give a number for each key";
  if (!broadcasts_to(*mask, {(*q)[0], (*q)[1], (*q)[2], k->back()})) return "the mask does not broadcast to the scores";
  if (parts.mask->type.dtype != DType::kBool && !same_dtype(parts.mask, parts.q)) return "the mask is of another type";
  return "";
}

// k from kᵀ: the transpose that makes kᵀ is changed to leave the last two axes, or one is added.
IrValue* add_keys(Patch& patch, const Node& node, IrValue* transposed, std::vector<const Node*>& sources) {
  const IrValue* from = transposed;
  const Node* reshape = producer(from, "Reshape");
  const bool leading_one = reshape && rank_of(reshape->input(0)) == 3 && shape_of(from)->front().is(1) &&
                           std::equal(shape_of(from)->begin() + 1, shape_of(from)->end(), shape_of(reshape->input(0))->begin());
  if (leading_one) from = reshape->input(0);
  const Node* transpose = producer(from, "Transpose");
  const auto* perm = transpose ? transpose->attributes.find_as<std::vector<int64_t>>("perm") : nullptr;
  IrValue* source = transposed;
  std::vector<int64_t> order{0, 1, 3, 2};
  if (perm) {
    source = transpose->input(0);
    order = *perm;
    std::swap(order[order.size() - 1], order[order.size() - 2]);
    sources.push_back(transpose);
  }
  Attributes attributes;
  attributes.set("perm", order);
  IrValue* keys = patch.add_node(op("Transpose"), node.name + "_keys", {source}, 1, std::move(attributes), sources)->output();
  if (!perm || !leading_one) return keys;
  sources.push_back(reshape);
  IrValue* axes = patch.add_constant(node.name + "_axes", Tensor::from_i64({0}));
  return patch.add_node(op("Unsqueeze"), node.name + "_keys4", {keys, axes}, 1, {}, sources)->output();
}

}  // namespace fuse_attention_impl

Outcome fuse_attention(Graph& graph, Node& node) {
  using namespace fuse_attention_impl;
  if (!node.is("MatMul") || has_epilogue(node)) return NoMatch{};
  Parts parts;
  if (!match(node, parts)) return NoMatch{};
  if (parts.reason.empty()) parts.reason = objection(parts);
  if (!parts.reason.empty()) return Declined{std::move(parts.reason)};
  if (!(parts.scale > 0)) return decline("the scale is {}", parts.scale);
  std::vector<const Node*> sources{&node};
  sources.insert(sources.end(), parts.nodes.begin(), parts.nodes.end());
  Patch patch(graph, node);
  std::vector<const Node*> key_sources{&node};
  IrValue* keys = add_keys(patch, node, parts.k_transposed, key_sources);
  std::vector<IrValue*> inputs{parts.q, keys, parts.v};
  if (parts.mask) inputs.push_back(parts.mask);
  Attributes attributes;
  attributes.set("scale", static_cast<float>(parts.scale));
  Node* made = patch.add_node(op("Attention"), node.name, inputs, 1, std::move(attributes), sources);
  patch.replace(node.output(), made->output());
  patch.describe(fmt::format("scale {}{}", parts.scale, parts.mask ? ", mask" : ""));
  return patch;
}

}  // namespace sinter::passes
