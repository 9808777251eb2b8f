// The reference evaluator: nodes in order, reference kernels, a value freed after its last use.
#include <new>
#include <unordered_map>

#include "ir/graph.h"

namespace sinter::ir {
namespace {

using Inputs = std::vector<sinter::Value>;

// For every node the values whose last use it is: computed once per graph, also for bodies that run many times.
struct Schedule {
  std::unordered_map<const Node*, std::vector<const Value*>> last_uses;
};

class Evaluation {
 public:
  explicit Evaluation(const Observer& observer) : observer_(observer) {}

  Result<Inputs> run(const Graph& graph, Inputs inputs, const class Scope* parent);

 private:
  const Schedule& schedule(const Graph& graph);
  void observe(const Value& value, const sinter::Value& content) {
    if (observer_) observer_(value, content);
  }

  const Observer& observer_;
  std::unordered_map<const Graph*, Schedule> schedules_;
};

class Scope {
 public:
  explicit Scope(const Scope* parent) : parent_(parent) {}
  // Null when the value was never computed, which a verified graph excludes.
  const sinter::Value* find(const Value* value) const {
    if (value->captured) return parent_ ? parent_->find(value->captured) : nullptr;
    auto found = values_.find(value);
    return found == values_.end() ? nullptr : &found->second;
  }
  const sinter::Value* find_or_constant(const Value* value) {
    if (const sinter::Value* found = find(value)) return found;
    if (!value->is_constant()) return nullptr;
    return &values_.emplace(value, value->constant).first->second;
  }
  void set(const Value* value, sinter::Value content) { values_[value] = std::move(content); }
  void erase(const Value* value) { values_.erase(value); }

 private:
  const Scope* parent_;
  std::unordered_map<const Value*, sinter::Value> values_;
};

class NodeContext final : public EvalContext {
 public:
  NodeContext(const Node& node, Scope& scope, Evaluation& evaluation)
      : outputs(node.outputs.size()), node_(node), scope_(scope), evaluation_(evaluation) {
    for (const Value* input : node.inputs) inputs_.push_back(input ? scope.find_or_constant(input) : nullptr);
  }
  const Value* missing_input() const {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (node_.inputs[i] && !inputs_[i]) return node_.inputs[i];
    }
    return nullptr;
  }

  int input_count() const override { return static_cast<int>(inputs_.size()); }
  int output_count() const override { return static_cast<int>(outputs.size()); }
  bool has_input(int index) const override { return index >= 0 && index < input_count() && inputs_[index]; }
  const sinter::Value& input(int index) const override { return *inputs_[index]; }
  bool wants_output(int index) const override {
    return index >= 0 && index < output_count() && node_.outputs[index] != nullptr;
  }
  ValueType output_type(int index) const override { return wants_output(index) ? node_.outputs[index]->type : ValueType{}; }
  Tensor& allocate(int index, DType dtype, Dims dims) override {
    set_output(index, Tensor(dtype, std::move(dims)));
    return outputs[index].tensor();
  }
  void set_output(int index, sinter::Value value) override {
    if (index >= static_cast<int>(outputs.size())) outputs.resize(index + 1);
    outputs[index] = std::move(value);
  }
  const Attributes& attributes() const override { return node_.attributes; }
  bool has_subgraph(std::string_view attribute) const override { return node_.subgraphs.count(attribute) != 0; }
  Result<Inputs> run_subgraph(std::string_view attribute, Inputs inputs) override {
    auto found = node_.subgraphs.find(attribute);
    if (found == node_.subgraphs.end()) return error(fmt::format("body '{}' is missing; check the exporter", attribute));
    return evaluation_.run(*found->second, std::move(inputs), &scope_);
  }
  Status error(std::string message) const override {
    return make_error(Code::kInvalidArgument, "node '{}' ({}): {}", node_.name, node_.op->full_name(), message);
  }

  Inputs outputs;

 private:
  const Node& node_;
  Scope& scope_;
  Evaluation& evaluation_;
  std::vector<const sinter::Value*> inputs_;
};

const Schedule& Evaluation::schedule(const Graph& graph) {
  auto [entry, fresh] = schedules_.try_emplace(&graph);
  if (!fresh) return entry->second;
  std::unordered_map<const Value*, const Node*> last;
  for (const auto& node : graph.nodes()) {
    for (const Value* input : node->inputs) {
      if (input) last[input] = node.get();
    }
    for (const Value* output : node->outputs) {
      if (output) last[output] = node.get();
    }
    for (const auto& [attribute, body] : node->subgraphs) {
      for (const auto& [id, inner] : body->values()) {
        if (inner->captured) last[inner->captured] = node.get();
      }
    }
  }
  for (const Value* output : graph.outputs) last.erase(output);
  for (const auto& [value, node] : last) {
    if (!value->captured) entry->second.last_uses[node].push_back(value);
  }
  return entry->second;
}

Status check_input(const Value& input, const sinter::Value& given) {
  if (!given.is_tensor() || !input.type.is_tensor()) return ok_status();
  const ValueType found = given.tensor().type();
  bool fits = input.type.dtype == DType::kUndefined || found.dtype == input.type.dtype;
  if (fits && input.type.shape) {
    fits = input.type.shape->size() == found.shape->size();
    for (size_t i = 0; fits && i < found.shape->size(); ++i) {
      const Dim& dim = (*input.type.shape)[i];
      fits = !dim.is_constant() || dim == (*found.shape)[i];
    }
  }
  if (fits) return ok_status();
  return make_error(Code::kInvalidArgument, "input '{}': found {}, expected {}; pass a tensor of that type", input.name,
                    found.to_string(), input.type.to_string());
}

Result<Inputs> Evaluation::run(const Graph& graph, Inputs inputs, const Scope* parent) {
  if (inputs.size() != graph.inputs.size()) {
    return make_error(Code::kInvalidArgument, "graph '{}': found {} inputs, expected {}; pass one value for each input",
                      graph.name, inputs.size(), graph.inputs.size());
  }
  Scope scope(parent);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!parent) SINTER_TRY(check_input(*graph.inputs[i], inputs[i]));
    observe(*graph.inputs[i], inputs[i]);
    scope.set(graph.inputs[i], std::move(inputs[i]));
  }
  inputs.clear();
  // Bodies look captured constants up by value, so those must be there before the node runs.
  for (const auto& [id, value] : graph.values()) {
    if (value->is_constant()) scope.find_or_constant(value.get());
  }
  const Schedule& plan = schedule(graph);
  for (const auto& node : graph.nodes()) {
    NodeContext context(*node, scope, *this);
    if (const Value* missing = context.missing_input()) {
      return make_error(Code::kInternal, "node '{}' ({}): input '{}' was not computed", node->name, node->op->full_name(),
                        missing->name);
    }
    SINTER_TRY(evaluate_op(*node->op, context));
    for (size_t i = 0; i < node->outputs.size(); ++i) {
      if (!node->outputs[i]) continue;
      observe(*node->outputs[i], context.outputs[i]);
      scope.set(node->outputs[i], std::move(context.outputs[i]));
    }
    auto dead = plan.last_uses.find(node.get());
    if (dead == plan.last_uses.end()) continue;
    for (const Value* value : dead->second) scope.erase(value);
  }
  Inputs outputs;
  for (const Value* output : graph.outputs) {
    const sinter::Value* content = scope.find_or_constant(output);
    if (!content) return make_error(Code::kInternal, "output '{}' was not computed", output->name);
    outputs.push_back(*content);
  }
  return outputs;
}

}  // namespace

Result<Inputs> evaluate(const Graph& graph, Inputs inputs, const Observer& observer) {
  try {
    Evaluation evaluation(observer);
    return evaluation.run(graph, std::move(inputs), nullptr);
  } catch (const std::bad_alloc&) {
    return make_error(Code::kOutOfMemory, "graph '{}': an allocation failed during reference evaluation; use smaller inputs",
                      graph.name);
  } catch (const std::exception& problem) {
    return make_error(Code::kInternal, "graph '{}': reference evaluation failed: {}; report this", graph.name, problem.what());
  }
}

Result<Inputs> evaluate(const Graph& graph, Inputs inputs) {
  return evaluate(graph, std::move(inputs), Observer());
}

}  // namespace sinter::ir
