// Graph: ownership, names, use lists and order of nodes (contract in graph.h).
#include "ir/graph.h"

#include <algorithm>
#include <deque>
#include <unordered_set>

namespace sinter::ir {

void fill_default_attributes(const OpDef& op, Attributes& attributes) {
  for (const AttrDef& def : op.attributes) {
    if (def.default_value && !attributes.has(def.name)) attributes.set(def.name, *def.default_value);
  }
}

Graph::~Graph() = default;

void Graph::changed() {
  for (Graph* graph = this; graph; graph = graph->parent_) graph->users_valid_ = false;
}

bool Graph::name_taken_below(const std::string& wanted) const {
  if (by_name_.count(wanted)) return true;
  return std::any_of(children_.begin(), children_.end(), [&](Graph* child) { return child->name_taken_below(wanted); });
}

bool Graph::name_taken(const std::string& wanted) const {
  for (const Graph* graph = parent_; graph; graph = graph->parent_) {
    if (graph->by_name_.count(wanted)) return true;
  }
  return name_taken_below(wanted);
}

std::string Graph::unique_name(std::string_view wanted) const {
  std::string base(wanted.empty() ? "value" : wanted);
  if (!name_taken(base)) return base;
  int& suffix = next_suffix_[base];
  std::string candidate;
  do {
    candidate = fmt::format("{}_{}", base, ++suffix);
  } while (name_taken(candidate));
  return candidate;
}

std::string Graph::unique_node_name(std::string_view wanted) const {
  std::string base(wanted.empty() ? "node" : wanted);
  if (!node_by_name_.count(base)) return base;
  int& suffix = next_suffix_["\n" + base];  // node names have counters of their own
  std::string candidate;
  do {
    candidate = fmt::format("{}_{}", base, ++suffix);
  } while (node_by_name_.count(candidate));
  return candidate;
}

Value* Graph::add_value(std::string_view wanted, ValueType type) {
  auto value = std::make_unique<Value>();
  value->id = next_id_++;
  value->name = unique_name(wanted);
  value->type = std::move(type);
  value->graph = this;
  Value* raw = value.get();
  by_name_[raw->name] = raw;
  values_[raw->id] = std::move(value);
  return raw;
}

Value* Graph::add_constant(std::string_view wanted, Tensor tensor) {
  Value* value = add_value(wanted, tensor.type());
  value->constant = std::move(tensor);
  return value;
}

Value* Graph::add_input(std::string_view wanted, ValueType type) {
  Value* value = add_value(wanted, std::move(type));
  inputs.push_back(value);
  return value;
}

Value* Graph::capture(const Value* outer) {
  if (outer->graph == this) return const_cast<Value*>(outer);
  if (!parent_) return nullptr;
  const Value* source = parent_->capture(outer);
  if (!source) return nullptr;
  for (auto& [id, value] : values_) {
    if (value->captured == source) return value.get();
  }
  auto value = std::make_unique<Value>();
  value->id = next_id_++;
  value->name = source->name;  // stands for it, so it has its name; a clash can't be: names are unique along the chain
  value->type = source->type;
  value->elements = source->elements;
  value->captured = source;
  value->graph = this;
  Value* raw = value.get();
  by_name_[raw->name] = raw;
  values_[raw->id] = std::move(value);
  changed();
  return raw;
}

void Graph::insert_node(std::unique_ptr<Node> node, const Node* before) {
  auto position = nodes_.end();
  if (before) {
    auto found = place_.find(before);
    if (found != place_.end()) position = found->second;
  }
  Node* raw = node.get();
  node_by_name_[raw->name] = raw;
  place_[raw] = nodes_.insert(position, std::move(node));
  changed();
}

Node* Graph::add_node(const OpDef* op, std::string_view wanted, std::vector<Value*> node_inputs,
                      std::vector<std::string> output_names, Attributes attributes, const Node* before) {
  auto node = std::make_unique<Node>();
  node->id = next_id_++;
  node->op = op;
  node->graph = this;
  node->inputs = std::move(node_inputs);
  node->attributes = std::move(attributes);
  if (op) fill_default_attributes(*op, node->attributes);
  for (size_t i = 0; i < output_names.size(); ++i) {
    if (output_names[i].empty()) {
      node->outputs.push_back(nullptr);
      continue;
    }
    Value* value = add_value(output_names[i]);
    value->producer = node.get();
    value->producer_output = static_cast<int>(i);
    node->outputs.push_back(value);
  }
  std::string base(wanted);
  for (Value* output : node->outputs) {
    if (base.empty() && output) base = output->name;
  }
  node->name = unique_node_name(base);
  node->source_nodes = {node->name};
  Node* raw = node.get();
  insert_node(std::move(node), before);
  return raw;
}

void Graph::remove_node(Node* node) {
  auto found = place_.find(node);
  if (found == place_.end()) return;
  for (auto& [attribute, body] : node->subgraphs) {
    children_.erase(std::remove(children_.begin(), children_.end(), body.get()), children_.end());
  }
  for (Value* output : node->outputs) {
    if (!output) continue;
    output->producer = nullptr;
    remove_value(output);
  }
  auto named = node_by_name_.find(node->name);
  if (named != node_by_name_.end() && named->second == node) node_by_name_.erase(named);
  nodes_.erase(found->second);
  place_.erase(found);
  changed();
}

void Graph::remove_value(Value* value) {
  auto named = by_name_.find(value->name);
  if (named != by_name_.end() && named->second == value) by_name_.erase(named);
  if (value->captured) changed();
  users_.erase(value);
  values_.erase(value->id);
}

Graph* Graph::add_subgraph(Node* node, std::string attribute) { return attach_subgraph(node, std::move(attribute), new_subgraph()); }

std::unique_ptr<Graph> Graph::new_subgraph() {
  auto body = std::make_unique<Graph>(this);
  children_.push_back(body.get());
  return body;
}

Graph* Graph::attach_subgraph(Node* node, std::string attribute, std::unique_ptr<Graph> body) {
  body->owner_ = node;
  Graph* raw = body.get();
  node->subgraphs[std::move(attribute)] = std::move(body);
  changed();
  return raw;
}

const std::vector<Node*>& Graph::cached_users(const Value* value) const {
  if (!users_valid_) {
    users_.clear();
    for (const auto& node : nodes_) {
      for (Value* input : node->inputs) {
        if (input) users_[input].push_back(node.get());
      }
      for (const auto& [attribute, body] : node->subgraphs) {
        for (const auto& [id, inner] : body->values_) {
          if (inner->captured) users_[inner->captured].push_back(node.get());
        }
      }
    }
    users_valid_ = true;
  }
  static const std::vector<Node*> kNone;
  auto found = users_.find(value);
  return found == users_.end() ? kNone : found->second;
}

std::vector<Node*> Graph::users(const Value* value) const { return cached_users(value); }

bool Graph::is_output(const Value* value) const {
  return std::find(outputs.begin(), outputs.end(), value) != outputs.end();
}

int Graph::use_count(const Value* value) const {
  return static_cast<int>(cached_users(value).size() + std::count(outputs.begin(), outputs.end(), value));
}

void Graph::rename(Value* value, const std::string& name) {
  auto named = by_name_.find(value->name);
  if (named != by_name_.end() && named->second == value) by_name_.erase(named);
  value->name = name;
  by_name_[name] = value;
  for (Graph* child : children_) {
    for (auto& [id, inner] : child->values_) {
      if (inner->captured == value) child->rename(inner.get(), name);
    }
  }
}

bool Graph::rename_value(Value* value, const std::string& name) {
  if (name.empty() || name_taken(name)) return value->name == name;
  rename(value, name);
  return true;
}

bool Graph::rename_node(Node* node, const std::string& name) {
  if (name.empty() || node_by_name_.count(name)) return node->name == name;
  node_by_name_.erase(node->name);
  if (node->source_nodes == std::vector<std::string>{node->name}) node->source_nodes = {name};
  node->name = name;
  node_by_name_[name] = node;
  return true;
}

void Graph::swap_names(Value* a, Value* b) {
  const std::string first = a->name, second = b->name;
  rename(a, unique_name(first + "_renamed"));
  rename(b, first);
  rename(a, second);
}

void Graph::replace_uses(Value* from, Value* to) {
  if (from == to) return;
  for (Node* user : users(from)) {
    for (Value*& input : user->inputs) {
      if (input == from) input = to;
    }
    for (auto& [attribute, body] : user->subgraphs) {
      Value *of_from = nullptr, *of_to = nullptr;
      for (auto& [id, inner] : body->values_) {
        if (inner->captured == from) of_from = inner.get();
        if (inner->captured == to) of_to = inner.get();
      }
      if (!of_from) continue;
      if (of_to) {
        body->replace_uses(of_from, of_to);
        body->remove_value(of_from);
      } else {
        of_from->captured = to;
        of_from->type = to->type;
        of_from->elements = to->elements;
        body->rename(of_from, to->name);
      }
    }
  }
  const bool was_output = is_output(from);
  std::replace(outputs.begin(), outputs.end(), from, to);
  for (const std::string& name : from->onnx_names) {
    if (std::find(to->onnx_names.begin(), to->onnx_names.end(), name) == to->onnx_names.end()) to->onnx_names.push_back(name);
  }
  if (was_output && !parent_) swap_names(from, to);
  changed();
}

Value* Graph::find_value(std::string_view wanted) const {
  auto found = by_name_.find(std::string(wanted));
  return found == by_name_.end() ? nullptr : found->second;
}

Node* Graph::find_node(std::string_view wanted) const {
  auto found = node_by_name_.find(std::string(wanted));
  return found == node_by_name_.end() ? nullptr : found->second;
}

// Kahn's algorithm; the list order decides among ready nodes, so that a sorted list stays as it is.
Status Graph::sort() {
  std::unordered_map<const Node*, int> waiting;
  std::unordered_map<const Node*, std::vector<Node*>> successors;
  for (const auto& node : nodes_) {
    std::unordered_set<const Node*> producers;
    for (Value* input : node->inputs) {
      if (input && input->producer && input->graph == this) producers.insert(input->producer);
    }
    for (const auto& [attribute, body] : node->subgraphs) {
      for (const auto& [id, inner] : body->values_) {
        if (inner->captured && inner->captured->producer) producers.insert(inner->captured->producer);
      }
    }
    waiting[node.get()] = static_cast<int>(producers.size());
    for (const Node* producer : producers) successors[producer].push_back(node.get());
  }
  std::unordered_map<const Node*, int> order;
  int next = 0;
  for (const auto& node : nodes_) order[node.get()] = next++;
  auto later = [&](Node* a, Node* b) { return order[a] > order[b]; };
  std::vector<Node*> ready;
  for (const auto& node : nodes_) {
    if (waiting[node.get()] == 0) ready.push_back(node.get());
  }
  std::make_heap(ready.begin(), ready.end(), later);
  std::vector<Node*> sorted;
  while (!ready.empty()) {
    std::pop_heap(ready.begin(), ready.end(), later);
    Node* node = ready.back();
    ready.pop_back();
    sorted.push_back(node);
    for (Node* successor : successors[node]) {
      if (--waiting[successor] > 0) continue;
      ready.push_back(successor);
      std::push_heap(ready.begin(), ready.end(), later);
    }
  }
  if (sorted.size() != nodes_.size()) {
    std::string names;
    int listed = 0;
    for (const auto& node : nodes_) {
      if (waiting[node.get()] > 0 && listed++ < 8) names += fmt::format("{}'{}'", names.empty() ? "" : ", ", node->name);
    }
    return make_error(Code::kInvalidModel, "graph '{}': {} nodes are in or behind a cycle: {}{}; a graph must have none; "
                      "check the exporter", name, nodes_.size() - sorted.size(), names, listed > 8 ? ", …" : "");
  }
  for (Node* node : sorted) nodes_.splice(nodes_.end(), nodes_, place_[node]);
  return ok_status();
}

// Copies values first, then nodes with their bodies; captured values are looked up in the parent's copy.
struct Graph::Cloner {
  std::unordered_map<const Value*, Value*> values;

  void copy(const Graph& from, Graph& to) {
    to.name = from.name;
    to.next_id_ = from.next_id_;
    for (const auto& [id, value] : from.values_) {
      auto made = std::make_unique<Value>(*value);
      made->graph = &to;
      made->producer = nullptr;
      if (made->captured) {
        auto found = values.find(made->captured);
        if (found != values.end()) made->captured = found->second;
      }
      values[value.get()] = made.get();
      to.by_name_[made->name] = made.get();
      to.values_[id] = std::move(made);
    }
    for (Value* input : from.inputs) to.inputs.push_back(values[input]);
    for (Value* output : from.outputs) to.outputs.push_back(values[output]);
    for (const auto& node : from.nodes_) {
      auto made = std::make_unique<Node>();
      made->id = node->id;
      made->name = node->name;
      made->op = node->op;
      made->attributes = node->attributes;
      made->source_nodes = node->source_nodes;
      made->graph = &to;
      for (Value* input : node->inputs) made->inputs.push_back(input ? values[input] : nullptr);
      for (Value* output : node->outputs) {
        made->outputs.push_back(output ? values[output] : nullptr);
        if (output) made->outputs.back()->producer = made.get();
      }
      Node* raw = made.get();
      to.insert_node(std::move(made), nullptr);
      for (const auto& [attribute, body] : node->subgraphs) copy(*body, *to.add_subgraph(raw, attribute));
    }
  }
};

std::unique_ptr<Graph> Graph::clone() const {
  auto copy = std::make_unique<Graph>(parent_);
  copy->owner_ = owner_;
  Cloner cloner;
  for (const auto& [id, value] : values_) {
    if (value->captured) cloner.values[value->captured] = const_cast<Value*>(value->captured);
  }
  cloner.copy(*this, *copy);
  return copy;
}

}  // namespace sinter::ir
