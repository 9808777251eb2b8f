#include "ops/forest.h"

#include <cmath>
#include <map>

namespace sinter::ops {
namespace forest_impl {

bool takes_yes(const Forest::Node& node, double value) {
  if (std::isnan(value)) return node.missing_is_true;
  switch (node.mode) {
    case Branch::kLeq: return value <= node.split;
    case Branch::kLt: return value < node.split;
    case Branch::kGte: return value >= node.split;
    case Branch::kGt: return value > node.split;
    case Branch::kEq: return value == node.split;
    case Branch::kNeq: return value != node.split;
    default: return node.members.count(value) != 0;
  }
}

// Columns of the nodes_* and prefix_* attributes.
struct Columns {
  std::vector<int64_t> trees, ids, features, yes, no, missing;
  std::vector<std::string> modes;
  std::vector<double> splits;
  std::vector<int64_t> weight_trees, weight_ids, weight_targets;
  std::vector<double> weights;
};

Status check_columns(const Columns& c) {
  for (const size_t size : {c.trees.size(), c.features.size(), c.yes.size(), c.no.size(), c.modes.size(), c.splits.size(), c.missing.size()})
    if (size != c.ids.size()) return make_error(Code::kInvalidModel, "a node attribute has {} entries, another {}: expected equal numbers; correct the model", size, c.ids.size());
  for (const size_t size : {c.weight_trees.size(), c.weight_ids.size(), c.weight_targets.size()})
    if (size != c.weights.size())
      return make_error(Code::kInvalidModel, "an attribute of the weights has {} entries, another {}: expected equal numbers; correct the model", size, c.weights.size());
  return ok_status();
}

Result<Columns> read_columns(const Attributes& attributes, const std::string& prefix) {
  Columns c;
  const auto ints = [&](const std::string& name) { return attributes.ints_or(name, {}); };
  c.trees = ints("nodes_treeids");
  c.ids = ints("nodes_nodeids");
  c.features = ints("nodes_featureids");
  c.yes = ints("nodes_truenodeids");
  c.no = ints("nodes_falsenodeids");
  c.missing = ints("nodes_missing_value_tracks_true");
  if (c.missing.empty()) c.missing.assign(c.ids.size(), 0);
  if (const auto* modes = attributes.find_as<std::vector<std::string>>("nodes_modes")) c.modes = *modes;
  c.splits = numbers_of(attributes, "nodes_values");
  c.weight_trees = ints(prefix + "_treeids");
  c.weight_ids = ints(prefix + "_nodeids");
  c.weight_targets = ints(prefix + "_ids");
  c.weights = numbers_of(attributes, prefix + "_weights");
  SINTER_TRY(check_columns(c));
  return c;
}

using Place = std::pair<int64_t, int64_t>;  // tree, id

// Numbers of nodes and leaves (~leaf) by their place.
Result<std::map<Place, int64_t>> number_nodes(const Columns& c, Forest& forest) {
  constexpr const char* kModes[] = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"};
  std::map<Place, int64_t> numbers;
  int64_t leaves = 0;
  for (size_t i = 0; i < c.ids.size(); ++i) {
    const bool leaf = c.modes[i] == "LEAF";
    const int64_t number = leaf ? ~leaves++ : static_cast<int64_t>(forest.nodes.size());
    if (!numbers.emplace(Place(c.trees[i], c.ids[i]), number).second)
      return make_error(Code::kInvalidModel, "tree {} has two nodes {}: expected different numbers; correct the model", c.trees[i], c.ids[i]);
    if (leaf) continue;
    const auto* const mode = std::find(std::begin(kModes), std::end(kModes), c.modes[i]);
    if (mode == std::end(kModes)) return make_error(Code::kInvalidModel, "a node's mode is '{}': expected BRANCH_LEQ, …, or LEAF; correct the model", c.modes[i]);
    Forest::Node node;
    node.feature = c.features[i];
    node.split = c.splits[i];
    node.mode = static_cast<Branch>(mode - std::begin(kModes));
    node.missing_is_true = c.missing[i] != 0;
    forest.nodes.push_back(std::move(node));
  }
  return numbers;
}

Status link_nodes(const Columns& c, const std::map<Place, int64_t>& numbers, Forest& forest) {
  std::set<Place> children;
  for (size_t i = 0, at = 0; i < c.ids.size(); ++i) {
    if (c.modes[i] == "LEAF") continue;
    Forest::Node& node = forest.nodes[at++];
    for (auto [id, link] : {std::pair(c.yes[i], &node.yes), std::pair(c.no[i], &node.no)}) {
      const auto child = numbers.find(Place(c.trees[i], id));
      if (child == numbers.end())
        return make_error(Code::kInvalidModel, "node {} of tree {} leads to node {}, which is not there; correct the model", c.ids[i], c.trees[i], id);
      *link = child->second;
      children.insert(child->first);
    }
  }
  std::set<int64_t> rooted;
  for (size_t i = 0; i < c.ids.size(); ++i) {
    const Place place(c.trees[i], c.ids[i]);
    if (!children.count(place) && rooted.insert(c.trees[i]).second) forest.roots.push_back(numbers.at(place));
  }
  for (const int64_t tree : c.trees)
    if (!rooted.count(tree)) return make_error(Code::kInvalidModel, "tree {} has no root: expected a node that no other leads to; correct the model", tree);
  return ok_status();
}

Status attach_weights(const Columns& c, const std::map<Place, int64_t>& numbers, Forest& forest) {
  const auto leaves = static_cast<size_t>(std::count(c.modes.begin(), c.modes.end(), "LEAF"));
  std::vector<std::vector<Forest::Weight>> lists(leaves);
  for (size_t i = 0; i < c.weights.size(); ++i) {
    const auto node = numbers.find(Place(c.weight_trees[i], c.weight_ids[i]));
    if (node == numbers.end())
      return make_error(Code::kInvalidModel, "a weight is of node {} of tree {}, which is not there; correct the model", c.weight_ids[i], c.weight_trees[i]);
    // A weight of a branch is never reached.
    if (node->second < 0) lists[static_cast<size_t>(~node->second)].push_back({c.weight_targets[i], c.weights[i]});
  }
  for (const auto& list : lists) {
    forest.weights.insert(forest.weights.end(), list.begin(), list.end());
    forest.leaf_begin.push_back(static_cast<int64_t>(forest.weights.size()));
  }
  return ok_status();
}

}  // namespace forest_impl

Status check_forest(const Forest& forest, int64_t features) {
  const auto nodes = static_cast<int64_t>(forest.nodes.size());
  const auto child = [&](int64_t number) { return number >= 0 ? number < nodes : ~number < forest.leaves(); };
  bool sound = std::all_of(forest.roots.begin(), forest.roots.end(), child);
  for (const Forest::Node& node : forest.nodes) sound = sound && child(node.yes) && child(node.no) && node.feature >= 0 && node.feature < features;
  for (const Forest::Weight& weight : forest.weights) sound = sound && weight.target >= 0 && weight.target < forest.targets;
  if (sound) return ok_status();
  return make_error(Code::kInvalidModel, "a node, leaf, feature (of {}) or target number (of {}) is out of range; correct the model", features, forest.targets);
}

bool score_row(const Forest& forest, Aggregate how, const double* row, double* scores, std::vector<bool>& seen) {
  std::fill_n(scores, forest.targets, 0.0);
  seen.assign(static_cast<size_t>(forest.targets), false);
  for (int64_t at : forest.roots) {
    size_t steps = 0;
    for (; at >= 0 && steps <= forest.nodes.size(); ++steps) {
      const Forest::Node& node = forest.nodes[static_cast<size_t>(at)];
      at = forest_impl::takes_yes(node, row[node.feature]) ? node.yes : node.no;
    }
    if (at >= 0) return false;
    const auto leaf = static_cast<size_t>(~at);
    for (int64_t i = forest.leaf_begin[leaf]; i < forest.leaf_begin[leaf + 1]; ++i) {
      const Forest::Weight& weight = forest.weights[static_cast<size_t>(i)];
      double& score = scores[weight.target];
      const bool first = !seen[static_cast<size_t>(weight.target)];
      if (how == Aggregate::kMin)
        score = first ? weight.value : std::min(score, weight.value);
      else if (how == Aggregate::kMax)
        score = first ? weight.value : std::max(score, weight.value);
      else
        score += weight.value;
      seen[static_cast<size_t>(weight.target)] = true;
    }
  }
  if (how == Aggregate::kAverage)
    for (int64_t i = 0; i < forest.targets; ++i) scores[i] /= static_cast<double>(std::max<size_t>(1, forest.roots.size()));
  return true;
}

Result<Forest> read_forest(const Attributes& attributes, const std::string& prefix, int64_t targets) {
  SINTER_ASSIGN(const forest_impl::Columns columns, forest_impl::read_columns(attributes, prefix));
  Forest forest;
  forest.targets = targets;
  SINTER_ASSIGN(const auto numbers, forest_impl::number_nodes(columns, forest));
  SINTER_TRY(forest_impl::link_nodes(columns, numbers, forest));
  SINTER_TRY(forest_impl::attach_weights(columns, numbers, forest));
  return forest;
}

void add_forest_attributes(OpDef& op, const std::string& prefix) {
  for (const char* name : {"nodes_falsenodeids", "nodes_featureids", "nodes_missing_value_tracks_true", "nodes_nodeids", "nodes_treeids", "nodes_truenodeids"})
    op.attr(name, AttrKind::kInts, false);
  for (const char* name : {"base_values", "nodes_hitrates", "nodes_values"})
    op.attr(name, AttrKind::kFloats, false).attr(std::string(name) + "_as_tensor", AttrKind::kTensor, false);
  for (const char* name : {"_ids", "_nodeids", "_treeids"}) op.attr(prefix + name, AttrKind::kInts, false);
  op.attr(prefix + "_weights", AttrKind::kFloats, false).attr(prefix + "_weights_as_tensor", AttrKind::kTensor, false);
  op.attr("nodes_modes", AttrKind::kStrings, false).attr("post_transform", std::string("NONE"));
}

Result<Tensor> score_rows(EvalContext& context, const Forest& forest, Aggregate how, const std::function<void(int64_t row, double* scores)>& finish) {
  const Tensor x = widened(context.tensor(0));
  const Rows rows = rows_of(x);
  SINTER_TRY(check_output_dims(context, {rows.count, forest.targets}));
  SINTER_TRY(at_node(context, check_forest(forest, rows.features)));
  Tensor y = zeros_f64({rows.count, forest.targets});
  std::vector<bool> seen;
  for (int64_t r = 0; r < rows.count; ++r) {
    double* scores = y.data<double>() + r * forest.targets;
    if (!score_row(forest, how, x.data<double>() + r * rows.features, scores, seen))
      return context.error("a tree's nodes run in a circle: expected a tree; correct the model");
    finish(r, scores);
  }
  return y;
}

}  // namespace sinter::ops
