#include "network/network.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "onnx/new_node.h"

namespace sinter::network {
namespace {

std::string normal(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

std::vector<std::string> operator_names(const std::string& domain) {
  std::vector<std::string> names;
  for (const OpDef* op : all_ops()) {
    if (op->domain == domain) names.push_back(op->name);
  }
  return names;
}

// The operator, or an error that knows the nearest names.
Result<const OpDef*> find_operator(const std::string& domain, const std::string& op_type) {
  const OpDef* op = domain == "sinter" ? nullptr : find_op(domain, op_type);
  if (op) return op;
  const std::string near = nearest_names(op_type, operator_names(domain), 3);
  return make_error(Code::kUnsupported, "operator '{}' of domain '{}': found no such operator, expected one of ONNX{}{}; see 'sinter operators'", op_type,
                    domain.empty() ? "ai.onnx" : domain, near.empty() ? "" : ", perhaps ", near);
}

}  // namespace

struct Network::Family {
  ir::Model model;
  std::vector<ir::Value*> values;  // by number; null: of a body that is gone
  std::unordered_map<const ir::Value*, ValueId> ids;
  std::unordered_map<const ir::Value*, Range> ranges;
  std::map<std::string, LayerTypes> layer_types;
  int64_t unnamed = 0;
  std::vector<std::unique_ptr<ir::Graph>> dropped;  // bodies nobody took: bodies made from them may live on
  ValueId add(ir::Value* value) {
    const auto [known, is_new] = ids.emplace(value, static_cast<ValueId>(values.size()));
    if (is_new) values.push_back(value);
    return known->second;
  }
  void forget(const ir::Value* value) {
    const auto known = ids.find(value);
    ranges.erase(value);
    if (known == ids.end()) return;
    values[static_cast<size_t>(known->second)] = nullptr;
    ids.erase(known);
  }
  void forget(const ir::Graph& graph) {
    for (const auto& node : graph.nodes()) {
      for (const auto& [name, body] : node->subgraphs) forget(*body);
    }
    for (const auto& [id, value] : graph.values()) forget(value.get());
  }
};

Network::Network(std::shared_ptr<Family> family, ir::Graph* graph, std::unique_ptr<ir::Graph> body)
    : family_(std::move(family)), graph_(graph), body_(std::move(body)) {}

Network::~Network() {
  if (!body_) return;
  family_->forget(*body_);
  family_->dropped.push_back(std::move(body_));
}

std::unique_ptr<Network> Network::create(const std::string& name) {
  auto family = std::make_shared<Family>();
  family->model.graph = std::make_unique<ir::Graph>();
  family->model.graph->name = name;
  family->model.file = name;
  ir::Graph* const graph = family->model.graph.get();
  return std::unique_ptr<Network>(new Network(std::move(family), graph, nullptr));
}

Result<std::unique_ptr<Network>> Network::load(const std::string& path, const onnx::ImportOptions& options) {
  auto family = std::make_shared<Family>();
  SINTER_ASSIGN(family->model, onnx::import_model(path, options));
  ir::Graph* const graph = family->model.graph.get();
  return std::unique_ptr<Network>(new Network(std::move(family), graph, nullptr));
}

Result<std::unique_ptr<Network>> Network::new_body() {
  SINTER_TRY(check_open());
  std::unique_ptr<ir::Graph> body = graph_->new_subgraph();
  ir::Graph* const graph = body.get();
  return std::unique_ptr<Network>(new Network(family_, graph, std::move(body)));
}

// A body that a node has is the node's: its types were inferred with the node's inputs.
Status Network::check_open() const {
  if (!graph_->parent() || body_) return ok_status();
  return make_error(Code::kInvalidArgument, "body '{}': found a change after it was given to a node, expected a body of no node; fill a body before the node is added",
                    graph_->name);
}

Result<ir::Value*> Network::mutable_value(ValueId id) const {
  const auto count = static_cast<ValueId>(family_->values.size());
  if (id < 0 || id >= count || !family_->values[static_cast<size_t>(id)]) {
    return make_error(Code::kInvalidArgument, "network '{}': found value number {}, expected a number that this network gave{}; pass what an add function returned",
                      family_->model.graph->name, id, id >= 0 && id < count ? " (this one's body is gone)" : "");
  }
  return family_->values[static_cast<size_t>(id)];
}

Result<const ir::Value*> Network::value(ValueId id) const {
  SINTER_ASSIGN(const ir::Value* found, mutable_value(id));
  return found;
}

ValueId Network::id_of(const ir::Value* value) {
  while (value->captured) value = value->captured;
  return family_->add(const_cast<ir::Value*>(value));
}

Result<ValueId> Network::find_value(const std::string& name) const {
  ir::Value* found = graph_->find_value(name);
  if (found) return const_cast<Network*>(this)->id_of(found);
  std::vector<std::string> names;
  for (const auto& [id, value] : graph_->values()) names.push_back(value->name);
  const std::string near = nearest_names(name, names, 3);
  return make_error(Code::kNotFound, "network '{}': found no value '{}', expected the name of one{}{}; correct the name", graph_->name, name,
                    near.empty() ? "" : ", perhaps ", near);
}

Result<ValueId> Network::add_input(const std::string& name, ValueType type) {
  SINTER_TRY(check_open());
  if (name.empty()) return make_error(Code::kInvalidArgument, "network '{}': found an input without name, expected one; name it", graph_->name);
  if (!graph_->parent() && (!type.is_tensor() || type.dtype == DType::kUndefined || !type.shape)) {
    return make_error(Code::kInvalidArgument, "input '{}': found type {}, expected an element type and a shape; state both", name, type.to_string());
  }
  if (graph_->unique_name(name) != name) {
    return make_error(Code::kInvalidArgument, "input '{}': found a value of that name already, expected a new name; choose another", name);
  }
  ir::Value* value = graph_->add_input(name, std::move(type));
  value->onnx_names = {name};
  return family_->add(value);
}

Result<ValueId> Network::add_constant(const std::string& name, Tensor tensor) {
  SINTER_TRY(check_open());
  if (!name.empty() && graph_->unique_name(name) != name) {
    return make_error(Code::kInvalidArgument, "constant '{}': found a value of that name already, expected a new name; choose another, or none", name);
  }
  ir::Value* value = graph_->add_constant(name.empty() ? fmt::format("constant_{}", family_->unnamed++) : name, std::move(tensor));
  value->onnx_names = {value->name};
  return family_->add(value);
}

Result<std::vector<ir::Value*>> Network::resolve(const std::string& where, std::span<const ValueId> inputs) {
  std::vector<ir::Value*> values;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == kAbsent) {
      values.push_back(nullptr);
      continue;
    }
    auto found = mutable_value(inputs[i]);
    if (!found.ok()) return std::move(found).status().with(fmt::format("{}, input {}", where, i));
    ir::Value* const own = graph_->capture(*found);
    if (!own) {
      return make_error(Code::kInvalidArgument, "{}: found value '{}' of another graph as input {}, expected a value of this graph or of one around it; pass it through "
                        "the body's outputs", where, (*found)->name, i);
    }
    values.push_back(own);
  }
  while (!values.empty() && !values.back()) values.pop_back();
  return values;
}

Status Network::check_bodies(const std::string& where, const std::map<std::string, Network*>& bodies) const {
  std::vector<const Network*> seen;
  for (const auto& [name, body] : bodies) {
    const bool twice = std::find(seen.begin(), seen.end(), body) != seen.end();
    seen.push_back(body);
    if (body && body->body_ && body->graph_->parent() == graph_ && !twice) continue;
    return make_error(Code::kInvalidArgument, "{}: found {} as body '{}', expected a body made from this graph that no node has; make one for each", where,
                      !body ? "nothing" : twice || !body->body_ ? "a body that is in use" : "a body of another graph", name);
  }
  return ok_status();
}

// Takes a node that can't be away again; its bodies are the caller's as before.
void Network::undo(ir::Node* node, const std::map<std::string, Network*>& bodies) {
  for (const auto& [name, body] : bodies) body->body_ = std::move(node->subgraphs[name]);
  node->subgraphs.clear();
  graph_->remove_node(node);
}

Result<std::vector<ValueId>> Network::add_node(const std::string& given_domain, const std::string& op_type, const std::string& given_name,
                                               std::span<const ValueId> inputs, Attributes attributes, const std::map<std::string, Network*>& bodies,
                                               size_t outputs) {
  SINTER_TRY(check_open());
  const std::string domain = normal(given_domain);
  SINTER_ASSIGN(const OpDef* op, find_operator(domain, op_type));
  if (!given_name.empty() && graph_->find_node(given_name)) {
    return make_error(Code::kInvalidArgument, "node '{}' ({}): found a node of that name already, expected a new name; choose another, or none", given_name, op_type);
  }
  const std::string name = given_name.empty() ? graph_->unique_node_name(fmt::format("{}_{}", op_type, family_->unnamed++)) : given_name;
  const std::string where = fmt::format("node '{}' ({})", name, op_type);
  onnx::PendingNode pending;
  SINTER_ASSIGN(pending.inputs, resolve(where, inputs));
  SINTER_TRY(check_bodies(where, bodies));
  pending.op_type = op_type;
  pending.domain = domain;
  pending.name = pending.source = name;
  pending.attributes = std::move(attributes);
  pending.outputs.assign(outputs, "y");
  std::set<std::string> body_names;
  for (const auto& [attribute, body] : bodies) body_names.insert(attribute);
  SINTER_TRY(onnx::check_new_node(*op, pending, body_names, fmt::format("network '{}'", graph_->name)));

  std::vector<std::string> output_names;
  for (size_t i = 0; i < outputs; ++i) output_names.push_back(fmt::format("{}_output_{}", name, i));
  ir::Node* node = graph_->add_node(op, name, std::move(pending.inputs), output_names, std::move(pending.attributes));
  for (const auto& [attribute, body] : bodies) graph_->attach_subgraph(node, attribute, std::move(body->body_));
  Status inferred = ir::infer_node(*node);
  if (!inferred.ok()) {
    undo(node, bodies);
    return inferred;
  }
  std::vector<ValueId> ids;
  for (ir::Value* output : node->outputs) {
    output->onnx_names = {output->name};
    ids.push_back(family_->add(output));
  }
  return ids;
}

Status Network::mark_output(ValueId id, const std::string& name) {
  SINTER_TRY(check_open());
  SINTER_ASSIGN(ir::Value* given, mutable_value(id));
  ir::Value* const value = graph_->parent() ? graph_->capture(given) : given;
  if (!value || value->graph != graph_) {
    return make_error(Code::kInvalidArgument, "value '{}': found a value of another graph as output, expected one of this graph; return it from its body first", given->name);
  }
  if (!graph_->parent() && graph_->is_output(value)) {
    return make_error(Code::kInvalidArgument, "value '{}': found an output already, expected a value that is none; put an Identity behind it for a second output", value->name);
  }
  if (!name.empty()) SINTER_TRY(set_name(id, name));
  graph_->outputs.push_back(value);
  return ok_status();
}

Status Network::unmark_output(ValueId id) {
  SINTER_TRY(check_open());
  SINTER_ASSIGN(const ir::Value* value, mutable_value(id));
  const auto found = std::find(graph_->outputs.begin(), graph_->outputs.end(), value);
  if (found == graph_->outputs.end()) {
    return make_error(Code::kInvalidArgument, "value '{}': found no output of network '{}', expected one; mark it first", value->name, graph_->name);
  }
  graph_->outputs.erase(found);
  graph_->changed();
  return ok_status();
}

Status Network::set_name(ValueId id, const std::string& name) {
  SINTER_ASSIGN(ir::Value* value, mutable_value(id));
  if (!value->graph->rename_value(value, name)) {
    return make_error(Code::kInvalidArgument, "value '{}': found '{}' as its new name, expected one that is not empty and not taken; choose another", value->name, name);
  }
  value->onnx_names = {name};
  return ok_status();
}

Result<const ir::Node*> Network::node(const std::string& name) const {
  const ir::Node* found = graph_->find_node(name);
  if (found) return found;
  std::vector<std::string> names;
  for (const auto& candidate : graph_->nodes()) names.push_back(candidate->name);
  const std::string near = nearest_names(name, names, 3);
  return make_error(Code::kNotFound, "network '{}': found no node '{}', expected the name of one{}{}; correct the name", graph_->name, name, near.empty() ? "" : ", perhaps ",
                    near);
}

Status Network::set_node_name(const std::string& name, const std::string& wanted) {
  SINTER_ASSIGN(const ir::Node* found, node(name));
  if (!graph_->rename_node(const_cast<ir::Node*>(found), wanted)) {
    return make_error(Code::kInvalidArgument, "node '{}': found '{}' as its new name, expected one that is not empty and not taken; choose another", name, wanted);
  }
  auto types = family_->layer_types.extract(name);
  if (types.empty() || graph_->parent()) return ok_status();
  types.key() = wanted;
  family_->layer_types.insert(std::move(types));
  return ok_status();
}

Status Network::set_input_type(ValueId id, ValueType type) {
  SINTER_ASSIGN(ir::Value* value, mutable_value(id));
  if (graph_->parent() || !value->is_graph_input() || value->graph != graph_) {
    return make_error(Code::kInvalidArgument, "value '{}': found no input of the main graph, expected one; types of other values follow from the inputs'", value->name);
  }
  if (!type.is_tensor() || type.dtype == DType::kUndefined || !type.shape) {
    return make_error(Code::kInvalidArgument, "input '{}': found type {}, expected an element type and a shape; state both", value->name, type.to_string());
  }
  const ValueType before = value->type;
  value->type = std::move(type);
  Status inferred = ir::infer_types(*graph_);
  if (inferred.ok()) return inferred;
  value->type = before;
  SINTER_TRY(ir::infer_types(*graph_));
  return inferred;
}

Status Network::set_range(ValueId id, Range range) {
  SINTER_ASSIGN(const ir::Value* value, mutable_value(id));
  if (!(range.min <= range.max) || !std::isfinite(range.min) || !std::isfinite(range.max) || (range.min == 0 && range.max == 0)) {
    return make_error(Code::kInvalidArgument, "value '{}': found range [{}, {}], expected two finite numbers, the lower first, not both zero; correct it", value->name, range.min,
                      range.max);
  }
  if (value->graph->parent()) {
    return make_error(Code::kUnsupported, "value '{}': found a range for a value of a body, expected one of the main graph; bodies are not quantized", value->name);
  }
  family_->ranges[value] = range;
  return ok_status();
}

Status Network::set_precision(const std::string& name, DType dtype) {
  SINTER_TRY(node(name).status());
  family_->layer_types[name].precision = dtype;
  return ok_status();
}

Status Network::set_output_type(const std::string& name, size_t output, DType dtype) {
  SINTER_ASSIGN(const ir::Node* found, node(name));
  if (output >= found->outputs.size()) {
    return make_error(Code::kInvalidArgument, "node '{}': found output {}, expected less than {}; correct the number", name, output, found->outputs.size());
  }
  family_->layer_types[name].outputs[output] = dtype;
  return ok_status();
}

void Network::set_metadata(const std::string& key, const std::string& value) { family_->model.metadata[key] = value; }

std::vector<const ir::Node*> Network::nodes() const {
  std::vector<const ir::Node*> list;
  for (const auto& node : graph_->nodes()) list.push_back(node.get());
  return list;
}

std::map<std::string, Range> Network::ranges() const {
  std::map<std::string, Range> named;
  for (const auto& [value, range] : family_->ranges) named[value->name] = range;
  return named;
}

const std::map<std::string, LayerTypes>& Network::layer_types() const { return family_->layer_types; }

Status Network::check_complete() const {
  if (graph_->parent()) {
    return make_error(Code::kInvalidArgument, "body '{}': found a body, expected the main network; save or build that", graph_->name);
  }
  if (graph_->outputs.empty()) {
    return make_error(Code::kInvalidArgument, "network '{}': found no output, expected at least one; mark one", graph_->name);
  }
  return ir::verify(*graph_);
}

Status Network::save(const std::string& path, const onnx::ExportOptions& options) const {
  SINTER_TRY(check_complete());
  return onnx::export_model(family_->model, path, options);
}

Result<std::string> Network::save_bytes(const onnx::ExportOptions& options) const {
  SINTER_TRY(check_complete());
  return onnx::export_bytes(family_->model, options);
}

}  // namespace sinter::network
