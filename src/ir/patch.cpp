// Patch: recorded changes of a graph, applied as a whole (contract in patch.h).
#include "ir/patch.h"

#include <algorithm>
#include <unordered_set>

namespace sinter::ir {
namespace {

void add_names(std::vector<std::string>& to, const std::vector<std::string>& from) {
  for (const std::string& name : from) {
    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
  }
}

bool agree(const ValueType& a, const ValueType& b) {
  if (a.kind == ValueType::Kind::kUnknown || b.kind == ValueType::Kind::kUnknown) return true;
  if (a.kind != b.kind) return false;
  if (!a.is_tensor()) return true;
  if (a.dtype != b.dtype && a.dtype != DType::kUndefined && b.dtype != DType::kUndefined) return false;
  if (!a.shape || !b.shape) return true;
  if (a.shape->size() != b.shape->size()) return false;
  for (size_t i = 0; i < a.shape->size(); ++i) {
    const Dim &x = (*a.shape)[i], &y = (*b.shape)[i];
    if (x.is_constant() && y.is_constant() && x != y) return false;
  }
  return true;
}

bool same_elements(const std::optional<ShapeTensor>& a, const std::optional<ShapeTensor>& b) {
  if (a.has_value() != b.has_value()) return false;
  return !a || (a->dims == b->dims && a->elements == b->elements);
}

bool is_sorted(const Graph& graph) {
  std::unordered_set<const Value*> defined;
  auto ready = [&](const Value* value) { return !value || !value->producer || defined.count(value); };
  for (const auto& node : graph.nodes()) {
    for (const Value* input : node->inputs) {
      if (!ready(input)) return false;
    }
    for (const auto& [attribute, body] : node->subgraphs) {
      for (const auto& [id, inner] : body->values()) {
        if (inner->captured && !ready(inner->captured)) return false;
      }
    }
    defined.insert(node->outputs.begin(), node->outputs.end());
  }
  return true;
}

// Re-infers users of changed values, and theirs while something changes. Forward only, so it ends: the graph has no cycle.
Status propagate(Graph& graph, std::vector<Value*> changed) {
  std::vector<Node*> queue;
  std::unordered_set<Node*> queued;
  auto push_users = [&](const Value* value) {
    for (Node* user : value->graph->users(value)) {
      if (queued.insert(user).second) queue.push_back(user);
    }
    if (value->graph->owner() && value->graph->is_output(value) && queued.insert(value->graph->owner()).second) {
      queue.push_back(value->graph->owner());
    }
  };
  for (const Value* value : changed) push_users(value);
  // Types only get more precise along a path, but paths meet: a bound keeps hostile graphs from taking exponential time.
  size_t budget = 64 + 8 * graph.node_count();
  for (size_t next = 0; next < queue.size() && budget > 0; ++next, --budget) {
    Node* node = queue[next];
    queued.erase(node);
    std::vector<std::pair<ValueType, std::optional<ShapeTensor>>> before;
    for (const Value* output : node->outputs) {
      if (output) before.emplace_back(output->type, output->elements);
    }
    SINTER_TRY(refine_node(*node));
    size_t index = 0;
    for (const Value* output : node->outputs) {
      if (!output) continue;
      const auto& [type, elements] = before[index++];
      if (!(type == output->type) || !same_elements(elements, output->elements)) push_users(output);
    }
  }
  return ok_status();
}

}  // namespace

Patch::Patch(Patch&& other) noexcept { *this = std::move(other); }

Patch& Patch::operator=(Patch&& other) noexcept {
  if (this == &other) return *this;
  discard();
  graph_ = other.graph_;
  anchor_ = other.anchor_;
  added_ = std::move(other.added_);
  added_constants_ = std::move(other.added_constants_);
  replacements_ = std::move(other.replacements_);
  input_changes_ = std::move(other.input_changes_);
  attribute_changes_ = std::move(other.attribute_changes_);
  removed_ = std::move(other.removed_);
  description_ = std::move(other.description_);
  other.added_.clear();
  other.added_constants_.clear();
  return *this;
}

Node* Patch::add_node(const OpDef* op, std::string_view name, std::vector<Value*> inputs, int outputs, Attributes attributes,
                      const std::vector<const Node*>& sources) {
  auto node = std::make_unique<Node>();
  node->id = graph_->next_id_++;
  node->name = name;
  node->op = op;
  node->graph = graph_;
  node->inputs = std::move(inputs);
  node->attributes = std::move(attributes);
  if (op) fill_default_attributes(*op, node->attributes);
  for (const Node* source : sources) add_names(node->source_nodes, source->source_nodes);
  for (int i = 0; i < outputs; ++i) {
    Value* value = graph_->add_value(i == 0 ? fmt::format("{}_out", name) : fmt::format("{}_out{}", name, i));
    value->producer = node.get();
    value->producer_output = i;
    node->outputs.push_back(value);
  }
  added_.push_back(std::move(node));
  return added_.back().get();
}

Value* Patch::add_constant(std::string_view name, Tensor tensor, const std::vector<const Value*>& sources) {
  Value* value = graph_->add_constant(name, std::move(tensor));
  for (const Value* source : sources) add_names(value->onnx_names, source->onnx_names);
  added_constants_.push_back(value);
  return value;
}

void Patch::replace(Value* from, Value* to) { replacements_.push_back({from, to}); }
void Patch::remove(Node* node) { removed_.push_back(node); }
void Patch::set_input(Node* node, size_t index, Value* value) { input_changes_.push_back({node, index, value}); }
void Patch::set_attribute(Node* node, std::string name, AttrValue value) {
  attribute_changes_.push_back({node, std::move(name), std::move(value)});
}

void Patch::discard() {
  for (const auto& node : added_) {
    for (Value* output : node->outputs) {
      if (!output) continue;
      output->producer = nullptr;
      graph_->remove_value(output);
    }
  }
  for (Value* constant : added_constants_) graph_->remove_value(constant);
  added_.clear();
  added_constants_.clear();
}

std::string Patch::refusal() const {
  if (graph_->parent()) return {};  // a body's outputs go by position
  for (const Replacement& replacement : replacements_) {
    if (!graph_->is_output(replacement.from)) continue;
    const Value* to = replacement.to;
    if (graph_->is_output(to) || to->is_graph_input()) {
      return fmt::format("'{}' is a graph output and '{}' a graph {}: both names must stay", replacement.from->name, to->name,
                         to->is_graph_input() ? "input" : "output");
    }
  }
  return {};
}

Status Patch::check_sources() const {
  if (added_.empty()) return ok_status();
  std::unordered_set<std::string_view> carried;
  for (const auto& node : added_) carried.insert(node->source_nodes.begin(), node->source_nodes.end());
  for (const AttributeChange& change : attribute_changes_) {
    carried.insert(change.node->source_nodes.begin(), change.node->source_nodes.end());
  }
  for (const Node* node : removed_) {
    for (const std::string& source : node->source_nodes) {
      if (carried.count(source)) continue;
      return make_error(Code::kInternal, "a patch at node '{}' removes node '{}' but no new node carries its source '{}'; every "
                        "source node must survive; name it in add_node", anchor_->name, node->name, source);
    }
  }
  return ok_status();
}

void Patch::remove_dead(std::vector<Node*> candidates) {
  std::unordered_set<Node*> gone;
  while (!candidates.empty()) {
    Node* node = candidates.back();
    candidates.pop_back();
    if (!node || gone.count(node)) continue;
    const bool used = std::any_of(node->outputs.begin(), node->outputs.end(),
                                  [&](const Value* output) { return output && graph_->use_count(output) > 0; });
    if (used) continue;
    std::vector<Value*> inputs = node->inputs;
    for (const auto& [attribute, body] : node->subgraphs) {
      for (const auto& [id, inner] : body->values()) {
        if (inner->captured) inputs.push_back(const_cast<Value*>(inner->captured));
      }
    }
    gone.insert(node);
    graph_->remove_node(node);
    std::unordered_set<Value*> seen;
    for (Value* input : inputs) {
      if (!input || !seen.insert(input).second || graph_->use_count(input) > 0) continue;
      if (input->producer) {
        candidates.push_back(input->producer);
      } else if (input->is_constant() || input->captured) {
        graph_->remove_value(input);
      }
    }
  }
}

Status Patch::apply() {
  SINTER_TRY(check_sources());
  std::vector<Node*> added, dead_candidates = removed_;
  std::vector<std::pair<Node*, std::string>> wanted_names;
  for (auto& node : added_) {
    added.push_back(node.get());
    wanted_names.emplace_back(node.get(), node->name);
    node->name = graph_->unique_node_name(node->name);
    graph_->insert_node(std::move(node), anchor_);
  }
  added_.clear();
  std::vector<Value*> changed;
  for (const InputChange& change : input_changes_) {
    Value*& input = change.node->inputs.at(change.index);
    if (input && input->producer) dead_candidates.push_back(input->producer);
    input = change.value;
    for (Value* output : change.node->outputs) {
      if (output) changed.push_back(output);
    }
  }
  for (AttributeChange& change : attribute_changes_) change.node->attributes.set(change.name, std::move(change.value));
  graph_->changed();
  for (const AttributeChange& change : attribute_changes_) SINTER_TRY(infer_node(*change.node));
  if (!is_sorted(*graph_)) SINTER_TRY(graph_->sort());
  if (!added.empty()) {
    std::unordered_set<const Node*> fresh(added.begin(), added.end());
    for (const auto& node : graph_->nodes()) {
      if (fresh.count(node.get())) SINTER_TRY(infer_node(*node));
    }
  }
  for (const InputChange& change : input_changes_) SINTER_TRY(infer_node(*change.node));
  for (const auto& [from, to] : replacements_) {
    if (!agree(from->type, to->type) && !is_conditional(*graph_)) {  // an impossible branch has impossible types
      return make_error(Code::kInternal, "a patch at node '{}' replaces '{}' of type {} by '{}' of type {}; the types must agree",
                        anchor_->name, from->name, from->type.to_string(), to->name, to->type.to_string());
    }
    const bool fresh = to->producer ? std::find(added.begin(), added.end(), to->producer) != added.end()
                                    : std::find(added_constants_.begin(), added_constants_.end(), to) != added_constants_.end();
    if (fresh && to->producer && to->declared.kind == ValueType::Kind::kUnknown) {
      to->declared = from->declared.kind == ValueType::Kind::kUnknown ? from->type : from->declared;
      SINTER_TRY(infer_node(*to->producer));
    }
    if (!fresh && to->producer && from->producer) add_names(to->producer->source_nodes, from->producer->source_nodes);
    const std::string old_name = from->name;
    graph_->replace_uses(from, to);
    if (fresh && to->name != old_name) graph_->swap_names(from, to);
    if (from->producer) dead_candidates.push_back(from->producer);
    changed.push_back(to);
  }
  if (!is_sorted(*graph_)) SINTER_TRY(graph_->sort());
  remove_dead(std::move(dead_candidates));
  for (Value* constant : added_constants_) {
    if (graph_->use_count(constant) == 0) graph_->remove_value(constant);
  }
  added_constants_.clear();
  for (auto& [node, name] : wanted_names) {
    if (!graph_->place_.count(node) || node->name == name || graph_->node_by_name_.count(name)) continue;
    graph_->node_by_name_.erase(node->name);
    node->name = name;
    graph_->node_by_name_[name] = node;
  }
  changed.erase(std::remove_if(changed.begin(), changed.end(), [&](const Value* value) {
    return std::none_of(graph_->values().begin(), graph_->values().end(), [&](const auto& entry) { return entry.second.get() == value; });
  }), changed.end());
  return propagate(*graph_, std::move(changed));
}

}  // namespace sinter::ir
