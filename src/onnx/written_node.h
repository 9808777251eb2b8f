// A node of a graph as a file of one opset says it: attributes that have their default left out, inputs of today given back as the
// attributes they were. Internal to src/onnx.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace sinter::onnx {

struct WrittenNode {
  struct Input {
    const ir::Value* value = nullptr;  // null: left out, or `constant`
    Tensor constant;                   // defined: a tensor that the file needs and the graph has not
  };
  std::string op_type;
  std::vector<Input> inputs;
  size_t outputs = 0;  // without unnamed ones at the end
  Attributes attributes;
};

// nullopt: the node cannot be said in that opset of its domain.
std::optional<WrittenNode> write_node(const ir::Node& node, int64_t opset);
// The smallest opset, not below `wanted`, that has the node; 0: none has it.
int64_t needed_opset(const ir::Node& node, int64_t wanted);

// The constant behind a value (also a captured one), else null.
const Tensor* constant_behind(const ir::Value* value);

}  // namespace sinter::onnx
