// The graph: values and nodes in SSA form. Operators are ONNX's at their latest meaning plus domain "sinter" (made by passes).
//
// Values and nodes are owned by the graph, have stable addresses, and ids that are never reused. A value is produced by one
// node output, is a graph input, a constant, or captured from an outer graph. Nodes are kept in a topological order.
// Mutation goes through Patch (ir/patch.h) except while importing. Not thread-safe.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "core/op_def.h"

namespace sinter::ir {

struct Node;
class Graph;

struct Value {
  int id = -1;
  std::string name;                      // unique in its graph and the graphs nested in it
  std::vector<std::string> onnx_names;   // ONNX tensor names this value equals (decision 3); the importer puts its own first
  ValueType type;
  ValueType declared;                    // what the file said; infer_types notes it the first time it sees the value
  bool noted = false;                    // `declared` is set
  std::optional<ShapeTensor> elements;   // tracked elements of an integer shape tensor
  Node* producer = nullptr;              // null: graph input, constant or captured
  int producer_output = 0;
  Tensor constant;                       // defined: the value is this constant
  const Value* captured = nullptr;       // non-null: this value of the parent graph (deeper ones go through each graph between)
  Graph* graph = nullptr;

  bool is_constant() const { return constant.defined(); }
  bool is_graph_input() const { return !producer && !is_constant() && !captured; }
};

struct Node {
  int id = -1;
  std::string name;                        // as in the file, or made up from the output's name; unique in the graph
  const OpDef* op = nullptr;
  std::vector<Value*> inputs;              // null: absent optional input. After op inputs: epilogue inputs (kEpilogueBaseAttr)
  std::vector<Value*> outputs;             // null: output nobody named
  Attributes attributes;
  std::map<std::string, std::unique_ptr<Graph>, std::less<>> subgraphs;  // graph attributes
  std::vector<std::string> source_nodes;   // names of the ONNX nodes it stands for
  Graph* graph = nullptr;

  bool is(std::string_view op_name, std::string_view domain = "") const { return op->name == op_name && op->domain == domain; }
  Value* input(size_t index) const { return index < inputs.size() ? inputs[index] : nullptr; }
  Value* output(size_t index = 0) const { return index < outputs.size() ? outputs[index] : nullptr; }
};

class Graph {
 public:
  explicit Graph(Graph* parent = nullptr) : parent_(parent) {}
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  std::string name;
  std::vector<Value*> inputs;
  std::vector<Value*> outputs;  // a value may appear twice, and may be an input or a constant

  Graph* parent() const { return parent_; }
  Graph* root() { return parent_ ? parent_->root() : this; }
  // The node whose body this graph is, null for the main graph.
  Node* owner() const { return owner_; }
  // Every node, topologically ordered.
  const std::list<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  const std::map<int, std::unique_ptr<Value>>& values() const { return values_; }
  size_t node_count() const { return nodes_.size(); }

  // New value; the name is made unique by a suffix when taken. The value's onnx_names start empty.
  Value* add_value(std::string_view name, ValueType type = {});
  Value* add_constant(std::string_view name, Tensor tensor);
  Value* add_input(std::string_view name, ValueType type);
  // The value of this graph that stands for `outer` (of an enclosing graph), made at first use.
  Value* capture(const Value* outer);
  // Appends a node (before `before` when given) with fresh outputs of the given names ("": output nobody wants). Attributes
  // with a schema default that are not given are set to it. source_nodes starts as {name}.
  Node* add_node(const OpDef* op, std::string_view name, std::vector<Value*> inputs,
                 std::vector<std::string> output_names, Attributes attributes = {}, const Node* before = nullptr);
  void remove_node(Node* node);    // its outputs must have no uses
  void remove_value(Value* value); // no uses, no producer
  Graph* add_subgraph(Node* node, std::string attribute);
  // A body without a node as yet: it can be filled, and captures from here. It is given to a node with attach_subgraph, or kept as long as the graph.
  std::unique_ptr<Graph> new_subgraph();
  Graph* attach_subgraph(Node* node, std::string attribute, std::unique_ptr<Graph> body);

  // Nodes that use the value, each once per use, bodies' captures included (the node that owns the body is named).
  std::vector<Node*> users(const Value* value) const;
  bool is_output(const Value* value) const;
  // Number of uses: node inputs, captures in bodies, graph outputs.
  int use_count(const Value* value) const;
  // Replaces every use of `from` by `to`, graph outputs included; names of `from` are added to `to`. A main graph's output keeps
  // its name: when `from` is one, `to` takes its name over (callers make sure that `to` is no graph input or output then).
  void replace_uses(Value* from, Value* to);
  Value* find_value(std::string_view name) const;
  Node* find_node(std::string_view name) const;
  // By address: false for a node that was removed.
  bool contains(const Node* node) const { return place_.count(node) > 0; }
  // Restores the topological order after insertions; an error names a cycle's nodes.
  Status sort();
  std::string unique_name(std::string_view wanted) const;
  // Gives a value or a node another name; false: it is taken.
  bool rename_value(Value* value, const std::string& name);
  bool rename_node(Node* node, const std::string& name);
  std::string unique_node_name(std::string_view wanted) const;
  // To be called after a node's inputs were written directly (importing): use lists are cached.
  void changed();

  std::unique_ptr<Graph> clone() const;  // deep, constants share buffers

 private:
  friend class Patch;
  struct Cloner;
  const std::vector<Node*>& cached_users(const Value* value) const;
  bool name_taken(const std::string& wanted) const;
  bool name_taken_below(const std::string& wanted) const;
  void rename(Value* value, const std::string& name);
  void swap_names(Value* a, Value* b);
  // Puts a node made outside (by a Patch) into the list.
  void insert_node(std::unique_ptr<Node> node, const Node* before);

  Graph* parent_;
  Node* owner_ = nullptr;
  std::vector<Graph*> children_;
  std::list<std::unique_ptr<Node>> nodes_;
  std::map<int, std::unique_ptr<Value>> values_;
  std::unordered_map<std::string, Value*> by_name_;
  std::unordered_map<std::string, Node*> node_by_name_;
  std::unordered_map<const Node*, std::list<std::unique_ptr<Node>>::iterator> place_;
  mutable std::unordered_map<std::string, int> next_suffix_;
  mutable std::unordered_map<const Value*, std::vector<Node*>> users_;
  mutable bool users_valid_ = false;
  int next_id_ = 0;
};

// Sets attributes that are not given and have a schema default.
void fill_default_attributes(const OpDef& op, Attributes& attributes);

// A model: the main graph and what the file said of itself.
struct Model {
  std::unique_ptr<Graph> graph;
  std::string file, producer_name, producer_version, graph_doc;
  std::string domain, doc;  // of the model
  int64_t ir_version = 0, model_version = 0;
  std::map<std::string, int64_t> opsets;              // domain → version ("" is ai.onnx)
  std::map<std::string, int64_t> operator_histogram;  // of the file as it is: "Conv" → 53, subgraphs included
  std::map<std::string, std::string> metadata;
  std::string content_hash;  // of the file and its external data, hex
};

// Every invariant of the graph (ids, producers, uses before definition, names unique, types present, outputs there, captured values
// are of enclosing graphs). All problems are listed in the message.
Status verify(const Graph& graph);

// Runs every node's shape rule in order, from the inputs' types. Types already set must agree (a more precise one wins).
// Idempotent. Nested graphs are inferred too.
Status infer_types(Graph& graph);
// The same for one node, after a change near it.
Status infer_node(Node& node);

// True for the branches of an If and what is nested in them: code that may never run.
bool is_conditional(const Graph& graph);
// infer_node when types upstream became more precise. A node of a conditional branch that turns out impossible for them is no error,
// since the branch may never be taken: its outputs' types become unknown.
Status refine_node(Node& node);

// Text form: print → parse → print is stable. Constants of more than `max_elements` elements are printed as a digest
// ("const f32[64,3,7,7] #9f3a…") that parse accepts only when `blobs` has it. max_elements < 0: all are written whole.
std::string print(const Graph& graph, int64_t max_elements = 16);
std::string print(const Node& node);
using BlobMap = std::map<std::string, Tensor, std::less<>>;
Result<std::unique_ptr<Graph>> parse(std::string_view text, const BlobMap* blobs = nullptr);
// The digest that print writes for a tensor, and the constants of a graph (nested too) that are printed as digests.
std::string digest(const Tensor& tensor);
BlobMap collect_blobs(const Graph& graph, int64_t max_elements = 16);

// The reference evaluator: runs a graph with reference kernels. The oracle of all tests of passes and tactics.
Result<std::vector<sinter::Value>> evaluate(const Graph& graph, std::vector<sinter::Value> inputs);
// Called with every value computed, in order; for calibration, comparison and debugging.
using Observer = std::function<void(const Value&, const sinter::Value&)>;
Result<std::vector<sinter::Value>> evaluate(const Graph& graph, std::vector<sinter::Value> inputs, const Observer& observer);

}  // namespace sinter::ir
