// fuse_layer_normalization: mean, variance, division, gain and bias over the trailing axes.
//
//   d = Sub(x, ReduceMean(x));  y = Add(Mul(Div(d, Sqrt(Add(ReduceMean(d·d), ε))), gain), bias)
//     →   y = LayerNormalization(x, gain, bias) [axis, epsilon]
//
// Gain and bias are constants of shape [n] and may be missing (the gain is then ones). The division may be a multiplication by a
// reciprocal. Only where the axes are the trailing ones. Results differ by the order of roundings.
#include "passes/product.h"

namespace sinter::passes {

Outcome fuse_layer_normalization(Graph& graph, Node& node) {
  auto root = match_root_mean(node);
  if (!root) return NoMatch{};
  const Node* centred = producer(root->x, "Sub");
  if (!centred) return NoMatch{};
  IrValue* x = centred->input(0);
  const Node* mean = producer(centred->input(1), "ReduceMean");
  if (!mean || mean->input(0) != x) return NoMatch{};
  const auto axis = mean_axis(*mean);
  if (!axis || *axis != root->axis) return decline("mean and variance go over different axes");
  if (!is_small_float(x)) return decline("the input is {}", x->type.to_string());
  const int rank = rank_of(x);
  GainAndBias parts;
  parts.last = &node;
  if (*axis == rank - 1) parts = match_gain_and_bias(node, true);
  std::vector<const Node*> sources = root->nodes;
  sources.insert(sources.end(), {centred, mean});
  sources.insert(sources.end(), parts.nodes.begin(), parts.nodes.end());
  Patch patch(graph, *parts.last);
  if (!parts.gain) {
    const Shape& shape = *shape_of(x);
    const auto dims = constant_dims(Shape(shape.begin() + *axis, shape.end()));
    if (!dims) return decline("no gain, and the normalized dims {} are not constant", to_string(shape));
    parts.gain = patch.add_constant(node.name + "_ones", make_floats(std::vector<double>(product(*dims), 1.0), *dims, x->type.dtype));
  }
  Attributes attributes;
  attributes.set("axis", *axis - rank);
  attributes.set("epsilon", static_cast<float>(root->epsilon));
  std::vector<IrValue*> inputs{x, parts.gain};
  if (parts.bias) inputs.push_back(parts.bias);
  Node* made = patch.add_node(op("LayerNormalization"), parts.last->name, inputs, 1, std::move(attributes), sources);
  patch.replace(parts.last->output(), made->output());
  return patch;
}

}  // namespace sinter::passes
