// fuse_rms_normalization: division by the root of the mean square over the trailing axes.
//
//   y = Mul(Div(x, Sqrt(Add(ReduceMean(x·x), ε))), gain)   →   y = RMSNormalization(x, gain) [axis, epsilon]
//
// The gain is a constant of shape [n] and may be missing (then ones). Runs behind fuse_layer_normalization, whose inner part looks
// the same. Results differ by the order of roundings.
#include "passes/product.h"

namespace sinter::passes {

Outcome fuse_rms_normalization(Graph& graph, Node& node) {
  auto root = match_root_mean(node);
  if (!root) return NoMatch{};
  if (!is_small_float(root->x)) return decline("the input is {}", root->x->type.to_string());
  const int rank = rank_of(root->x);
  GainAndBias parts;
  parts.last = &node;
  if (root->axis == rank - 1) parts = match_gain_and_bias(node, false);
  std::vector<const Node*> sources = root->nodes;
  sources.insert(sources.end(), parts.nodes.begin(), parts.nodes.end());
  Patch patch(graph, *parts.last);
  if (!parts.gain) {
    const Shape& shape = *shape_of(root->x);
    const auto dims = constant_dims(Shape(shape.begin() + root->axis, shape.end()));
    if (!dims) return decline("no gain, and the normalized dims of {} are not constant", to_string(shape));
    parts.gain = patch.add_constant(node.name + "_ones",
                                    make_floats(std::vector<double>(product(*dims), 1.0), *dims, root->x->type.dtype));
  }
  Attributes attributes;
  attributes.set("axis", root->axis - rank);
  attributes.set("epsilon", static_cast<float>(root->epsilon));
  Node* made = patch.add_node(op("RMSNormalization"), parts.last->name, {root->x, parts.gain}, 1, std::move(attributes), sources);
  patch.replace(parts.last->output(), made->output());
  return patch;
}

}  // namespace sinter::passes
