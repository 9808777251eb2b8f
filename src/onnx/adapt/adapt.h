// Adapters: operators as older opsets meant them, rewritten to the latest meaning while a node is imported.
//
// An adapter changes the pending node in place, and may add nodes before it (emit) or after it (wrap_output). Operators
// whose meaning did not change have no adapter. The table in adapters.cpp lists which adapter brings an operator past
// which opset.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ir/graph.h"

namespace sinter::onnx {

// A node of the file about to be made.
struct PendingNode {
  std::string op_type, domain, name, source;  // source: the name in the file
  int64_t opset = 0;                          // the meaning it has now; adapters raise it
  std::vector<ir::Value*> inputs;             // null: left out
  std::vector<std::string> outputs;           // "": nobody wants it
  Attributes attributes;
};

// How adapters add to the graph; the importer implements it.
class NodeMaker {
 public:
  virtual ~NodeMaker() = default;
  virtual ir::Value* make_constant(const std::string& name, Tensor tensor) = 0;
  // A node of the default domain at its latest meaning, or of Sinter's own ("sinter.Pointwise") ("": an output that nobody wants); null when the operator is unknown.
  virtual ir::Node* make_node(const std::string& op_type, const std::string& name, std::vector<ir::Value*> inputs,
                              Attributes attributes, const std::vector<std::string>& outputs) = 0;
  // The one output of such a node.
  ir::Value* make_value(const std::string& op_type, const std::string& name, std::vector<ir::Value*> inputs, Attributes attributes,
                        const std::string& output) {
    const ir::Node* node = make_node(op_type, name, std::move(inputs), std::move(attributes), {output});
    return node ? node->outputs[0] : nullptr;
  }
};

class AdaptContext {
 public:
  AdaptContext(PendingNode& node, NodeMaker& maker) : node(node), maker_(maker) {}

  PendingNode& node;

  // Index `index` with null for what is not there.
  ir::Value* input(size_t index) const { return index < node.inputs.size() ? node.inputs[index] : nullptr; }
  void set_input(size_t index, ir::Value* value);
  // Rank of an input, -1 when unknown; its shape, null when the rank is unknown.
  int rank(size_t index) const;
  const Shape* shape(size_t index) const;

  ir::Value* constant(const std::string& suffix, Tensor tensor);
  ir::Value* constant_i64(const std::string& suffix, const std::vector<int64_t>& values);
  // A constant scalar of the float type of input `like` (f32 when that is not known).
  ir::Value* constant_like(const std::string& suffix, double value, size_t like);
  // A node before the pending one; its output.
  ir::Value* emit(const std::string& op_type, std::vector<ir::Value*> inputs, Attributes attributes = {});
  // A node behind the pending one: it reads output `index` as its input 0, and gives the output under its old name.
  void wrap_output(size_t index, const std::string& op_type, std::vector<ir::Value*> more_inputs,
                   Attributes attributes = {});

  // Takes an attribute away and gives it back as an input: an i64 list. Null when the attribute is not there.
  ir::Value* ints_to_input(const std::string& attribute);
  // The attribute's value, or the fallback; it is removed.
  int64_t take_int(const std::string& attribute, int64_t fallback);
  float take_float(const std::string& attribute, float fallback);
  std::string take_string(const std::string& attribute, const std::string& fallback);
  void set_default(const std::string& attribute, AttrValue value);

  // FOUND; expected EXPECTED; ACTION
  Status error(std::string found, std::string expected, std::string action) const;

  struct Wrapper {
    std::string op_type, inner, outer;
    std::vector<ir::Value*> more_inputs;
    Attributes attributes;
  };
  const std::vector<Wrapper>& wrappers() const { return wrappers_; }

 private:
  NodeMaker& maker_;
  std::vector<Wrapper> wrappers_;
  int made_ = 0;
};

using AdaptFunction = Status (*)(AdaptContext&);

// Applies all adapters that the node's opset asks for, oldest first; raises node.opset.
Status adapt(AdaptContext& context);

// True when a file of an opset below `since` can be read because adapters bring the operator there (tests compare the
// table with the schemas' `since`).
bool has_adapter(const std::string& op_type, int64_t since);
// The opsets below which files of the operator pass an adapter, oldest first.
std::vector<int64_t> adapted_opsets(const std::string& op_type);

}  // namespace sinter::onnx
