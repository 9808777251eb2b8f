// Importer: builds the graph of one ModelFile, node by node in order, inferring types as it goes. Internal to src/onnx.
//
// It keeps going after a problem: values that could not be made are "poisoned" (known by name, of unknown type), and
// nodes that read them are neither checked nor inferred, so that one mistake is reported once.
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "onnx/adapt/adapt.h"
#include "onnx/contrib/contrib.h"
#include "onnx/findings.h"
#include "onnx/model_file.h"
#include "onnx/node_order.h"

namespace sinter::onnx {

struct Frame;
struct Scope;

inline std::string normal_domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

// An attribute as a node of a body sees it: from a call it comes with the scope that its graphs refer to.
struct BoundAttribute {
  AttributeProto* proto = nullptr;
  Scope* scope = nullptr;
  const Frame* frame = nullptr;
};

// What operators and attribute references mean: in the model itself, or in one call of a function.
struct Frame {
  const Frame* caller = nullptr;
  const FunctionProto* function = nullptr;
  std::map<std::string, int64_t> opsets;
  std::map<std::string, BoundAttribute, std::less<>> attributes;
  std::map<std::string, std::string> renames;  // a function's output → the caller's name for it
  std::string prefix;                          // of names made inside: "call/"
  int depth = 0;
};

// Names visible in one graph. A function's body has no parent: it sees its own inputs only.
struct Scope {
  Scope* parent = nullptr;
  ir::Graph* graph = nullptr;
  const Frame* frame = nullptr;
  // In a branch of an If: a shape rule's refusal is for the If to report, which knows whether the branch is ever taken.
  bool conditional = false;
  std::unordered_map<std::string, ir::Value*> values;  // null: an optional input that the call left out
  std::unordered_map<std::string, const TypeProto*> hints;
};

class Importer : private NodeMaker {
 public:
  Importer(ModelFile& file, const ImportOptions& options, Findings& findings);
  // The model as far as it could be made; usable only when the findings hold no error.
  ir::Model run();

 private:
  // importer.cpp: the model and its graphs
  void read_opsets(const google::protobuf::RepeatedPtrField<OperatorSetIdProto>& list,
                   std::map<std::string, int64_t>& opsets, const std::string& where);
  void read_functions();
  void bind_shapes(const GraphProto& graph);
  ValueType input_type(const ValueInfoProto& input);
  void import_graph(GraphProto& graph, Scope& scope, bool top);
  void import_inputs(GraphProto& graph, Scope& scope, bool top, const NameSet& initializers);
  void import_initializers(GraphProto& graph, Scope& scope, const NameSet& used);
  void import_outputs(GraphProto& graph, Scope& scope, bool top);
  void import_nodes(NodeList& nodes, Scope& scope);
  void count_operators(const GraphProto& graph, std::map<std::string, int64_t>& histogram);
  bool define(Scope& scope, const std::string& name, ir::Value* value, const Finding& where);

  // import_node.cpp: one node
  void import_node(NodeProto& proto, Scope& scope);
  void import_constant(NodeProto& proto, Scope& scope);
  Result<Tensor> constant_tensor(NodeProto& proto, Scope& scope);
  bool resolve_inputs(const NodeProto& proto, Scope& scope, std::vector<ir::Value*>& inputs);
  bool read_attributes(NodeProto& proto, Scope& scope, Attributes& attributes,
                       std::map<std::string, BoundAttribute>& graphs);
  bool read_attribute(AttributeProto& proto, Scope& scope, AttrValue& value, const Finding& where);
  void poison_outputs(const NodeProto& proto, Scope& scope);
  ir::Value* lookup(Scope& scope, const std::string& name, bool& known);
  void finish_node(PendingNode pending, Scope& scope, const std::map<std::string, BoundAttribute>& graphs);
  void merge_hint(ir::Value& value, const std::string& name, Scope& scope);
  ir::Node* make(const PendingNode& pending, const OpDef* op, Scope& scope);
  // The name in the graph of a node's output.
  std::string full_name(const Scope& scope, const std::string& output) const;
  void expand_contrib(const ContribOp& op, PendingNode pending, const std::map<std::string, BoundAttribute>& graphs,
                      Scope& scope, const Finding& where);
  Finding where(const NodeProto& proto, const Scope& scope) const;
  void unknown_operator(const Finding& at);
  bool refuse_maps(const Finding& at);

  // NodeMaker: what adapters add goes into the graph of the node being adapted
  ir::Value* make_constant(const std::string& name, Tensor tensor) override;
  ir::Node* make_node(const std::string& op_type, const std::string& name, std::vector<ir::Value*> inputs,
                      Attributes attributes, const std::vector<std::string>& outputs) override;

  // functions.cpp
  FunctionProto* find_function(const std::string& domain, const NodeProto& proto);
  void inline_call(FunctionProto& function, NodeProto& proto, Scope& scope);
  bool bind_attributes(FunctionProto& function, NodeProto& proto, Scope& scope, Frame& frame);
  void bind_outputs(FunctionProto& function, NodeProto& proto, Scope& inner, Scope& scope);

  Result<Tensor> tensor(TensorProto& proto);
  std::string unique_node_name(const std::string& wanted);

  ModelFile& file_;
  const ImportOptions& options_;
  Findings& findings_;
  ir::Model model_;
  Frame frame_;
  Bindings dims_;  // values of symbols: the caller's, and those that follow from given shapes
  std::map<std::string, FunctionProto*, std::less<>> functions_;  // "domain:name:overload"
  std::unordered_map<const TensorProto*, Tensor> tensors_;        // a body may be made several times
  std::unordered_set<std::string> node_names_;
  std::unordered_set<const ir::Value*> poisoned_;
  int64_t nodes_made_ = 0;
  Scope* adapting_ = nullptr;
  const PendingNode* adapting_node_ = nullptr;
};

// Compares a node's inputs and attributes with its schema. Problems are added to the findings; false when there were
// errors.
bool check_node(const OpDef& op, const PendingNode& node, const std::map<std::string, BoundAttribute>& graphs,
                const Finding& where, Findings& findings);

}  // namespace sinter::onnx
