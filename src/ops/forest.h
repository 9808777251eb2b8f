// Decision trees: what TreeEnsemble, TreeEnsembleClassifier and TreeEnsembleRegressor share.
//
// A node compares one feature with a split, or tests membership of a set; NaN goes where nodes_missing_value_tracks_true says. A leaf adds weights to
// targets.
#pragma once

#include <functional>
#include <set>
#include <vector>

#include "ops/classic_ml.h"

namespace sinter::ops {

enum class Branch : uint8_t { kLeq, kLt, kGte, kGt, kEq, kNeq, kMember };
enum class Aggregate : uint8_t { kAverage, kSum, kMin, kMax };

struct Forest {
  struct Node {
    int64_t feature = 0;
    double split = 0;
    int64_t yes = 0, no = 0;  // a node, or ~leaf
    Branch mode = Branch::kLeq;
    bool missing_is_true = false;
    std::set<double> members;  // of kMember
  };
  struct Weight {
    int64_t target = 0;
    double value = 0;
  };
  std::vector<Node> nodes;
  std::vector<int64_t> roots;         // a node, or ~leaf
  std::vector<int64_t> leaf_begin{0};  // leaf i has weights[leaf_begin[i] … leaf_begin[i + 1])
  std::vector<Weight> weights;
  int64_t targets = 1;

  int64_t leaves() const { return static_cast<int64_t>(leaf_begin.size()) - 1; }
};

// Every child, feature and target is in range; an error says which number is not.
Status check_forest(const Forest& forest, int64_t features);
// The targets' scores for one row of features. `seen`: which targets got a weight. False when nodes run in a circle.
bool score_row(const Forest& forest, Aggregate how, const double* row, double* scores, std::vector<bool>& seen);

// The nodes of the attributes nodes_* of TreeEnsembleClassifier and TreeEnsembleRegressor; weights from the attributes prefix_treeids, prefix_nodeids,
// prefix_ids and prefix_weights ("class", "target").
Result<Forest> read_forest(const Attributes& attributes, const std::string& prefix, int64_t targets);
// The attributes that read_forest reads, for the schema.
void add_forest_attributes(OpDef& op, const std::string& prefix);

// f64 [N,targets] for the rows of input 0: score_row of each, then finish(row, its scores). Output dims and the forest are checked first.
Result<Tensor> score_rows(EvalContext& context, const Forest& forest, Aggregate how, const std::function<void(int64_t row, double* scores)>& finish);

}  // namespace sinter::ops
