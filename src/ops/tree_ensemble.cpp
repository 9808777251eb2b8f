// TreeEnsemble: every tree sends a row to one leaf, which adds its weight to a target; targets are aggregated over the
// trees and transformed. Nodes compare one feature with a split, or test membership of a set. NaN goes the way
// nodes_missing_value_tracks_true says.
#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "ops/indexing.h"
#include "ops/shape_rules.h"
#include "ops/wide.h"

namespace sinter::ops {
namespace tree_ensemble_impl {

enum Mode : int64_t { kLeq, kLt, kGte, kGt, kEq, kNeq, kMember };
enum Aggregate : int64_t { kAverage, kSum, kMin, kMax };
enum Transform : int64_t { kNone, kSoftmax, kLogistic, kSoftmaxZero, kProbit };

struct Trees {
  std::vector<int64_t> features, modes, true_ids, false_ids, true_leafs, false_leafs, missing, roots, leaf_targets;
  std::vector<double> splits, leaf_weights;
  std::vector<std::set<double>> members;  // one a node, filled for kMember
  int64_t targets = 1;
};

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
void read_members(const Attributes& attributes, Trees& trees) {
  std::vector<double> values;
  if (const Tensor* tensor = attributes.find_as<Tensor>("membership_values")) values = tensor->to_f64();
  trees.members.resize(trees.modes.size());
  size_t at = 0;
  for (size_t node = 0; node < trees.modes.size(); ++node) {
    if (trees.modes[node] != kMember) continue;
    for (; at < values.size() && !std::isnan(values[at]); ++at) trees.members[node].insert(values[at]);
    if (at < values.size()) ++at;
  }
}

Status read(const EvalContext& context, Trees& t) {
  const Attributes& a = context.attributes();
  t.features = a.ints("nodes_featureids");
  t.true_ids = a.ints("nodes_truenodeids");
  t.false_ids = a.ints("nodes_falsenodeids");
  t.true_leafs = a.ints("nodes_trueleafs");
  t.false_leafs = a.ints("nodes_falseleafs");
  t.roots = a.ints("tree_roots");
  t.leaf_targets = a.ints("leaf_targetids");
  t.modes = a.find_as<Tensor>("nodes_modes")->to_i64();
  t.splits = a.find_as<Tensor>("nodes_splits")->to_f64();
  t.leaf_weights = a.find_as<Tensor>("leaf_weights")->to_f64();
  t.missing = a.ints_or("nodes_missing_value_tracks_true", {});
  t.targets = std::max<int64_t>(1, a.i_or("n_targets", 1));
  const size_t nodes = t.features.size();
  if (t.missing.empty()) t.missing.assign(nodes, 0);
  for (const size_t size : {t.true_ids.size(), t.false_ids.size(), t.true_leafs.size(), t.false_leafs.size(),
                            t.modes.size(), t.splits.size(), t.missing.size()})
    if (size != nodes)
      return context.error(fmt::format(
          "a node attribute has {} entries, another {}: expected equal numbers; correct the model", size, nodes));
  if (t.leaf_weights.size() != t.leaf_targets.size())
    return context.error(fmt::format("there are {} leaf weights for {} leaves; correct the model",
                                     t.leaf_weights.size(), t.leaf_targets.size()));
  const auto in = [](int64_t value, size_t size) { return value >= 0 && value < static_cast<int64_t>(size); };
  bool sound =
      std::all_of(t.roots.begin(), t.roots.end(), [&](int64_t root) { return in(root, nodes); }) &&
      std::all_of(t.leaf_targets.begin(), t.leaf_targets.end(), [&](int64_t target) { return in(target, t.targets); });
  for (size_t i = 0; i < nodes && sound; ++i)
    sound = in(t.features[i], context.tensor(0).dim(-1)) && in(t.modes[i], kMember + 1) &&
            in(t.true_ids[i], t.true_leafs[i] ? t.leaf_targets.size() : nodes) &&
            in(t.false_ids[i], t.false_leafs[i] ? t.leaf_targets.size() : nodes);
  if (!sound) return context.error("a node, leaf, feature, mode or target number is out of range; correct the model");
  read_members(a, t);
  return ok_status();
}

bool branch(const Trees& t, int64_t node, double value) {
  if (std::isnan(value)) return t.missing[node] != 0;
  switch (t.modes[node]) {
    case kLeq: return value <= t.splits[node];
    case kLt: return value < t.splits[node];
    case kGte: return value >= t.splits[node];
    case kGt: return value > t.splits[node];
    case kEq: return value == t.splits[node];
    case kNeq: return value != t.splits[node];
    default: return t.members[node].count(value) != 0;
  }
}

// The leaf a row falls into; -1 when the nodes run in a circle.
int64_t find_leaf(const Trees& t, int64_t root, const double* row) {
  int64_t node = root;
  for (size_t step = 0; step <= t.features.size(); ++step) {
    const bool yes = branch(t, node, row[t.features[node]]);
    const int64_t next = yes ? t.true_ids[node] : t.false_ids[node];
    if (yes ? t.true_leafs[node] : t.false_leafs[node]) return next;
    node = next;
  }
  return -1;
}

// Inverse of the normal distribution's cumulative function, by bisection: slow and plain.
double probit(double p) {
  double low = -40, high = 40;
  for (int i = 0; i < 200; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2.0)) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

void transform(int64_t how, double* scores, int64_t count) {
  if (how == kLogistic)
    for (int64_t i = 0; i < count; ++i) scores[i] = 1 / (1 + std::exp(-scores[i]));
  if (how == kProbit)
    for (int64_t i = 0; i < count; ++i) scores[i] = probit(scores[i]);
  if (how != kSoftmax && how != kSoftmaxZero) return;
  const double highest = *std::max_element(scores, scores + count);
  double sum = 0;
  // SOFTMAX_ZERO leaves zero scores out.
  for (int64_t i = 0; i < count; ++i)
    if (how == kSoftmax || scores[i] != 0) sum += scores[i] = std::exp(scores[i] - highest);
  for (int64_t i = 0; i < count && sum != 0; ++i) scores[i] /= sum;
}

Status evaluate(EvalContext& context) {
  SINTER_TRY(check_rank(context, 0, 1, 2));
  Trees t;
  SINTER_TRY(read(context, t));
  const int64_t aggregate = context.attributes().i("aggregate_function"),
                after = context.attributes().i("post_transform");
  if (aggregate < kAverage || aggregate > kMax || after < kNone || after > kProbit)
    return context.error(
        fmt::format("aggregate_function is {} and post_transform {}: expected 0 to 3 and 0 to 4; correct the model",
                    aggregate, after));
  const Tensor x = widened(context.tensor(0));
  const int64_t features = x.dim(-1), rows = x.rank() == 2 ? x.dim(0) : 1;
  SINTER_TRY(check_output_dims(context, {rows, t.targets}));
  Tensor y = zeros_f64({rows, t.targets});
  for (int64_t r = 0; r < rows; ++r) {
    double* scores = y.data<double>() + r * t.targets;
    std::vector<bool> seen(static_cast<size_t>(t.targets), false);
    for (const int64_t root : t.roots) {
      const int64_t leaf = find_leaf(t, root, x.data<double>() + r * features);
      if (leaf < 0) return context.error("a tree's nodes run in a circle: expected a tree; correct the model");
      const int64_t target = t.leaf_targets[leaf];
      double& score = scores[target];
      const double weight = t.leaf_weights[leaf];
      if (aggregate == kMin)
        score = seen[target] ? std::min(score, weight) : weight;
      else if (aggregate == kMax)
        score = seen[target] ? std::max(score, weight) : weight;
      else
        score += weight;
      seen[target] = true;
    }
    if (aggregate == kAverage)
      for (int64_t i = 0; i < t.targets; ++i) scores[i] /= static_cast<double>(std::max<size_t>(1, t.roots.size()));
    transform(after, scores, t.targets);
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
