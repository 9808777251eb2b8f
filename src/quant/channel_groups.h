// Which channels of a graph's values can only be scaled together, and what makes and reads them.
#pragma once

#include <map>
#include <vector>

#include "ir/graph.h"

namespace sinter::quant {

// A convolution or product with constant weights.
struct DenseNode {
  ir::Node* node = nullptr;
  bool convolution = false;
  int64_t groups = 1;   // of a convolution
  int weight_axis = 0;  // of the output channels in the weights
  int64_t inputs = 0, outputs = 0;  // channels
  bool depthwise = false;
  // Index of the weight of output o and the k-th input channel: begin of `taps` neighbours.
  int64_t taps = 1;
  int64_t row_of(int64_t element) const;     // output channel of a weight
  int64_t column_of(int64_t element) const;  // input channel of a weight
};
std::optional<DenseNode> dense_node(ir::Node& node);

class ChannelGroups {
 public:
  explicit ChannelGroups(ir::Graph& graph);

  struct Group {
    bool fixed = false;       // something reads or makes it that scaling would change
    double bound = INFINITY;  // least upper bound of the Clips that it goes through
  };
  struct Adjusted {           // constants that are added to, or make, channels: divided by their scales
    ir::Node* node = nullptr;
    size_t input = 0;
  };

  const std::vector<DenseNode>& dense() const { return dense_; }
  const std::vector<Adjusted>& adjusted() const { return adjusted_; }
  // The group of a channel; -1: the value has no channels that are looked at.
  int group_of(const ir::Value* value, int64_t channel) const;
  // Axis of the value's channels; -1: none.
  int axis_of(const ir::Value* value) const;
  int64_t channels_of(const ir::Value* value) const;
  const Group& group(int index) const { return groups_[static_cast<size_t>(index)]; }
  // Values with channels, in the order of their ids.
  const std::vector<ir::Value*>& values() const { return values_; }

 private:
  int find(int element) const;
  void join(const ir::Value* a, int64_t in_a, const ir::Value* b, int64_t in_b);
  void join_all(const ir::Value* a, const ir::Value* b);
  void fix(const ir::Value* value);
  void fix_node(const ir::Node& node);
  bool same_channels(const ir::Value* a, const ir::Value* b) const;
  void find_axes();
  void visit(ir::Node& node);
  bool visit_dense(ir::Node& node);
  bool visit_moving(ir::Node& node);
  bool visit_arithmetic(ir::Node& node);
  bool visit_clip(ir::Node& node);
  bool takes_constant(ir::Node& node, size_t input);
  bool visit_concat(ir::Node& node);

  ir::Graph& graph_;
  std::vector<ir::Value*> values_;
  std::map<const ir::Value*, int> axes_, first_;  // first_: element of channel 0
  mutable std::vector<int> above_;
  std::vector<Group> groups_;  // by element; of the root after construction
  std::vector<DenseNode> dense_;
  std::vector<Adjusted> adjusted_;
};

}  // namespace sinter::quant
