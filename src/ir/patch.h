// Patch: how passes change a graph. Recorded first, applied as a whole, then the graph is verified: a pass that breaks an invariant
// is named at once, and `--stop-after-patch N` bisects.
#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace sinter::ir {

// Either a change or a worded reason why not ("bias has 2 users"). Passes return one for each anchor node they looked at.
class Patch {
 public:
  // `anchor`: the node the pass matched at; new nodes go right before it unless said otherwise.
  Patch(Graph& graph, Node& anchor) : graph_(&graph), anchor_(&anchor) {}
  Patch(Patch&& other) noexcept;
  Patch& operator=(Patch&& other) noexcept;
  ~Patch() { discard(); }

  // A new node with new outputs, typed by its shape rule when applied. Names of sources: the new node's source_nodes are the union
  // of those of `sources` (the nodes it stands for).
  Node* add_node(const OpDef* op, std::string_view name, std::vector<Value*> inputs, int outputs, Attributes attributes,
                 const std::vector<const Node*>& sources);
  Value* add_constant(std::string_view name, Tensor tensor, const std::vector<const Value*>& sources = {});
  // When applied, every use of `from` becomes `to`; ONNX names move along.
  void replace(Value* from, Value* to);
  // Removes a node whose outputs are unused once the patch is applied.
  void remove(Node* node);
  void set_input(Node* node, size_t index, Value* value);
  void set_attribute(Node* node, std::string name, AttrValue value);
  // One line for --trace-passes; default: made from the anchor.
  void describe(std::string text) { description_ = std::move(text); }

  const std::string& description() const { return description_; }
  Node& anchor() const { return *anchor_; }
  // Why the patch may not be applied whatever the pass thinks: a main graph's output would lose its name. Empty: fine.
  std::string refusal() const;
  // Applies, infers types of what changed, removes dead nodes among removed ones' inputs. Source nodes of a node that goes must
  // be carried on by what stands for it (decision 3), else it is an error. Used by the pass driver only.
  Status apply();
  // Drops nodes and values that were added but never applied.
  void discard();

 private:
  struct Replacement { Value* from; Value* to; };
  struct InputChange { Node* node; size_t index; Value* value; };
  struct AttributeChange { Node* node; std::string name; AttrValue value; };
  Status check_sources() const;
  void remove_dead(std::vector<Node*> candidates);

  Graph* graph_ = nullptr;
  Node* anchor_ = nullptr;
  std::vector<std::unique_ptr<Node>> added_;  // in the graph's list only once applied
  std::vector<Value*> added_constants_;
  std::vector<Replacement> replacements_;
  std::vector<InputChange> input_changes_;
  std::vector<AttributeChange> attribute_changes_;
  std::vector<Node*> removed_;
  std::string description_;
};

}  // namespace sinter::ir
