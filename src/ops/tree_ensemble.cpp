// TreeEnsemble: every tree sends a row to one leaf, which adds its weight to a target; targets are aggregated over the
// trees and transformed. Nodes compare one feature with a split, or test membership of a set. NaN goes the way
// nodes_missing_value_tracks_true says.
#include <cmath>

#include "ops/forest.h"

namespace sinter::ops {
namespace tree_ensemble_impl {

Status infer(InferContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  std::optional<Shape> shape;
  if (const Shape* x = context.input_shape(0)) {
    const Dim rows = x->size() == 2 ? (*x)[0] : Dim(1);
    shape = Shape{rows, std::max<int64_t>(1, context.attributes().i_or("n_targets", 1))};
  }
  context.set_output(0, ValueType::tensor(input_dtype(context, 0), std::move(shape)));
  return ok_status();
}

// The members of each set, in the order of the nodes that test one, NaN between the sets.
void read_members(const Attributes& attributes, Forest& forest) {
  std::vector<double> values;
  if (const Tensor* tensor = attributes.find_as<Tensor>("membership_values")) values = tensor->to_f64();
  size_t at = 0;
  for (Forest::Node& node : forest.nodes) {
    if (node.mode != Branch::kMember) continue;
    for (; at < values.size() && !std::isnan(values[at]); ++at) node.members.insert(values[at]);
    if (at < values.size()) ++at;
  }
}

Result<Forest> read(const Attributes& a) {
  const std::vector<int64_t> features = a.ints("nodes_featureids"), yes = a.ints("nodes_truenodeids"), no = a.ints("nodes_falsenodeids"),
                             yes_leafs = a.ints("nodes_trueleafs"), no_leafs = a.ints("nodes_falseleafs"), targets = a.ints("leaf_targetids"),
                             modes = a.find_as<Tensor>("nodes_modes")->to_i64();
  const std::vector<double> splits = a.find_as<Tensor>("nodes_splits")->to_f64(), weights = a.find_as<Tensor>("leaf_weights")->to_f64();
  std::vector<int64_t> missing = a.ints_or("nodes_missing_value_tracks_true", {});
  const size_t nodes = features.size();
  if (missing.empty()) missing.assign(nodes, 0);
  for (const size_t size : {yes.size(), no.size(), yes_leafs.size(), no_leafs.size(), modes.size(), splits.size(), missing.size()})
    if (size != nodes) return make_error(Code::kInvalidModel, "a node attribute has {} entries, another {}: expected equal numbers; correct the model", size, nodes);
  if (weights.size() != targets.size())
    return make_error(Code::kInvalidModel, "there are {} leaf weights for {} leaves; correct the model", weights.size(), targets.size());
  Forest forest;
  forest.roots = a.ints("tree_roots");
  forest.targets = std::max<int64_t>(1, a.i_or("n_targets", 1));
  for (size_t i = 0; i < weights.size(); ++i) {
    forest.weights.push_back({targets[i], weights[i]});
    forest.leaf_begin.push_back(static_cast<int64_t>(i) + 1);
  }
  bool sound = std::all_of(forest.roots.begin(), forest.roots.end(), [](int64_t root) { return root >= 0; });
  for (size_t i = 0; i < nodes && sound; ++i) {
    sound = modes[i] >= 0 && modes[i] <= static_cast<int64_t>(Branch::kMember) && yes[i] >= 0 && no[i] >= 0;
    Forest::Node node;
    node.feature = features[i];
    node.split = splits[i];
    node.yes = yes_leafs[i] ? ~yes[i] : yes[i];
    node.no = no_leafs[i] ? ~no[i] : no[i];
    node.mode = static_cast<Branch>(modes[i]);
    node.missing_is_true = missing[i] != 0;
    forest.nodes.push_back(std::move(node));
  }
  if (!sound) return make_error(Code::kInvalidModel, "a node, leaf or mode number is out of range; correct the model");
  read_members(a, forest);
  return forest;
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  SINTER_ASSIGN(const Forest forest, at_node(context, read(context.attributes())));
  const int64_t aggregate = context.attributes().i("aggregate_function"), after = context.attributes().i("post_transform");
  if (aggregate < 0 || aggregate > 3 || after < 0 || after > 4)
    return context.error(
        fmt::format("aggregate_function is {} and post_transform {}: expected 0 to 3 and 0 to 4; correct the model", aggregate, after));
  const Tensor x = widened(context.tensor(0));
  const Rows rows = rows_of(x);
  SINTER_TRY(at_node(context, check_forest(forest, rows.features)));
  SINTER_TRY(check_output_dims(context, {rows.count, forest.targets}));
  Tensor y = zeros_f64({rows.count, forest.targets});
  std::vector<bool> seen;
  for (int64_t r = 0; r < rows.count; ++r) {
    double* scores = y.data<double>() + r * forest.targets;
    if (!score_row(forest, static_cast<Aggregate>(aggregate), x.data<double>() + r * rows.features, scores, seen))
      return context.error("a tree's nodes run in a circle: expected a tree; correct the model");
    transform_scores(static_cast<PostTransform>(after), scores, forest.targets);
  }
  store(context, 0, context.tensor(0).dtype(), y);
  return ok_status();
}

}  // namespace tree_ensemble_impl

OpDef define_tree_ensemble() {
  OpDef op("TreeEnsemble", 5, "ai.onnx.ml");
  op.input("X", "T")
      .output("Y", "T")
      .type("T", dtype_set(DType::kF32, DType::kF16, DType::kF64))
      .attr("aggregate_function", int64_t{1})
      .attr("leaf_targetids", AttrKind::kInts, true)
      .attr("leaf_weights", AttrKind::kTensor, true)
      .attr("membership_values", AttrKind::kTensor, false)
      .attr("n_targets", AttrKind::kInt, false)
      .attr("nodes_falseleafs", AttrKind::kInts, true)
      .attr("nodes_falsenodeids", AttrKind::kInts, true)
      .attr("nodes_featureids", AttrKind::kInts, true)
      .attr("nodes_hitrates", AttrKind::kTensor, false)
      .attr("nodes_missing_value_tracks_true", AttrKind::kInts, false)
      .attr("nodes_modes", AttrKind::kTensor, true)
      .attr("nodes_splits", AttrKind::kTensor, true)
      .attr("nodes_trueleafs", AttrKind::kInts, true)
      .attr("nodes_truenodeids", AttrKind::kInts, true)
      .attr("post_transform", int64_t{0})
      .attr("tree_roots", AttrKind::kInts, true);
  op.infer = tree_ensemble_impl::infer;
  op.evaluate = tree_ensemble_impl::evaluate;
  return op;
}
}  // namespace sinter::ops
