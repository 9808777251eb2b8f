// What nodes read, and an order in which they can be imported.
#pragma once

#include <string_view>
#include <unordered_set>
#include <vector>

#include "onnx/wire.h"

namespace sinter::onnx {

using NodeList = google::protobuf::RepeatedPtrField<NodeProto>;
using NameSet = std::unordered_set<std::string_view>;

// Names the node reads: its inputs and what its bodies take from outside themselves.
void collect_uses(const NodeProto& node, NameSet& uses);

struct NodeOrder {
  std::vector<int> order;                // node numbers; nodes of cycles are left out
  std::vector<std::vector<int>> cycles;  // each the node numbers along one cycle
  bool sorted = true;                    // the file's order was good as it was
};
// The file's own order where possible (stable).
NodeOrder order_nodes(const NodeList& nodes);

}  // namespace sinter::onnx
