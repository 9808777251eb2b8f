// verify(): every invariant of a graph and the graphs nested in it. Collects all problems; the message lists the first 20.
#include <unordered_set>

#include "ir/graph.h"

namespace sinter::ir {
namespace {

constexpr size_t kListedProblems = 20;

class Verifier {
 public:
  void check(const Graph& graph) {
    check_values(graph);
    std::unordered_set<const Value*> defined;
    for (const auto& [id, value] : graph.values()) {
      if (!value->producer) defined.insert(value.get());
    }
    std::unordered_set<std::string_view> names;
    for (const auto& node : graph.nodes()) {
      if (!names.insert(node->name).second) problem("node '{}': its name is taken by another node", node->name);
      check_node(graph, *node, defined);
      for (const Value* output : node->outputs) {
        if (output) defined.insert(output);
      }
    }
    for (size_t i = 0; i < graph.outputs.size(); ++i) {
      const Value* output = graph.outputs[i];
      if (!output) {
        problem("graph '{}': output {} is missing", graph.name, i);
      } else if (!owns(graph, output)) {
        problem("graph '{}': output {} is no value of the graph", graph.name, i);
      } else if (!defined.count(output)) {
        problem("graph '{}': output '{}' is produced by no node of the graph", graph.name, output->name);
      }
    }
  }

  Status result() const {
    if (count_ == 0) return ok_status();
    std::string text = fmt::format("the graph breaks {} invariant(s): ", count_);
    for (size_t i = 0; i < problems_.size(); ++i) text += (i ? "; " : "") + problems_[i];
    if (problems_.size() < count_) text += fmt::format("; and {} more", count_ - problems_.size());
    return Status(Code::kInternal, text);
  }

 private:
  template <typename... Args>
  void problem(fmt::format_string<Args...> format, Args&&... args) {
    if (++count_ <= kListedProblems) problems_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  // By address only: a pointer that is not in the graph may dangle and is never followed.
  bool owns(const Graph& graph, const Value* value) {
    auto& known = owned_[&graph];
    if (known.empty()) {
      for (const auto& [id, entry] : graph.values()) known.insert(entry.get());
    }
    return known.count(value) > 0;
  }

  void check_values(const Graph& graph) {
    std::unordered_set<const Value*> inputs(graph.inputs.begin(), graph.inputs.end());
    if (inputs.size() != graph.inputs.size()) problem("graph '{}': an input is listed twice", graph.name);
    for (const Value* input : graph.inputs) {
      if (!owns(graph, input)) problem("graph '{}': an input is no value of the graph", graph.name);
    }
    std::unordered_set<std::string_view> names;
    for (const auto& [id, value] : graph.values()) {
      if (value->id != id || value->graph != &graph) problem("value '{}': wrong id or graph", value->name);
      if (value->name.empty() || !names.insert(value->name).second) {
        problem("value '{}': its name is empty or taken in graph '{}'", value->name, graph.name);
      }
      if (graph.find_value(value->name) != value.get()) problem("value '{}': can't be found by its name", value->name);
      const int roles = (value->producer != nullptr) + value->is_constant() + (value->captured != nullptr) +
                        static_cast<int>(inputs.count(value.get()));
      if (roles != 1) {
        problem("value '{}': it has {} origins among node output, constant, captured value and graph input; expected one",
                value->name, roles);
      }
      if (value->is_constant() && !(value->type == value->constant.type())) {
        problem("value '{}': typed {} but its constant is {}", value->name, value->type.to_string(),
                value->constant.type().to_string());
      }
      if (value->captured && (!graph.parent() || !owns(*graph.parent(), value->captured))) {
        problem("value '{}': captures a value that is not of the parent graph", value->name);
      }
      if (!value->captured) check_shadowing(graph, *value);
    }
  }

  void check_shadowing(const Graph& graph, const Value& value) {
    for (const Graph* outer = graph.parent(); outer; outer = outer->parent()) {
      if (outer->find_value(value.name)) {
        problem("value '{}' of graph '{}': its name is taken in an enclosing graph", value.name, graph.name);
      }
    }
  }

  void check_node(const Graph& graph, const Node& node, const std::unordered_set<const Value*>& defined) {
    if (!node.op) return problem("node '{}': it has no operator", node.name);
    if (node.graph != &graph) problem("node '{}': it belongs to another graph", node.name);
    check_counts(node);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const Value* input = node.inputs[i];
      if (!input) continue;
      if (!owns(graph, input)) {
        problem("node '{}' ({}): input {} is no value of its graph", node.name, node.op->full_name(), i);
      } else if (!defined.count(input)) {
        problem("node '{}' ({}): input '{}' is used before it is produced", node.name, node.op->full_name(), input->name);
      }
    }
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const Value* output = node.outputs[i];
      if (!output) continue;
      if (!owns(graph, output)) {
        problem("node '{}' ({}): output {} is no value of its graph", node.name, node.op->full_name(), i);
      } else if (output->producer != &node || output->producer_output != static_cast<int>(i)) {
        problem("value '{}': its producer is not output {} of node '{}'", output->name, i, node.name);
      }
    }
    for (const auto& [attribute, body] : node.subgraphs) {
      if (body->parent() != &graph || body->owner() != &node) {
        problem("node '{}': body '{}' has the wrong parent", node.name, attribute);
      }
      for (const auto& [id, inner] : body->values()) {
        if (inner->captured && owns(graph, inner->captured) && !defined.count(inner->captured)) {
          problem("node '{}': body '{}' captures '{}' before it is produced", node.name, attribute, inner->name);
        }
      }
      check(*body);
    }
  }

  void check_counts(const Node& node) {
    const OpDef& op = *node.op;
    int inputs = static_cast<int>(node.inputs.size());
    if (const int64_t* base = node.attributes.find_as<int64_t>(kEpilogueBaseAttr)) {
      if (*base < 0 || *base > inputs) {
        problem("node '{}' ({}): epilogue inputs begin at {}, it has {} inputs", node.name, op.full_name(), *base, inputs);
      } else {
        inputs = static_cast<int>(*base);
      }
    }
    if (inputs < op.min_inputs() || inputs > op.max_inputs()) {
      problem("node '{}' ({}): it has {} inputs; expected {} to {}", node.name, op.full_name(), inputs, op.min_inputs(),
              op.max_inputs());
    }
    const int outputs = static_cast<int>(node.outputs.size());
    if (outputs < op.min_outputs() || outputs > op.max_outputs()) {
      problem("node '{}' ({}): it has {} outputs; expected {} to {}", node.name, op.full_name(), outputs, op.min_outputs(),
              op.max_outputs());
    }
    for (int i = 0; i < inputs && i < static_cast<int>(op.inputs.size()); ++i) {
      if (op.inputs[i].kind == ParamKind::kSingle && !node.inputs[i]) {
        problem("node '{}' ({}): required input '{}' is absent", node.name, op.full_name(), op.inputs[i].name);
      }
    }
    for (const AttrDef& def : op.attributes) {
      if (def.kind == AttrKind::kGraph) {
        if (def.required && !node.subgraphs.count(def.name)) {
          problem("node '{}' ({}): body '{}' is missing", node.name, op.full_name(), def.name);
        }
        continue;
      }
      const AttrValue* value = node.attributes.find(def.name);
      if (!value && def.required) problem("node '{}' ({}): attribute '{}' is missing", node.name, op.full_name(), def.name);
      if (value && value->index() != static_cast<size_t>(def.kind)) {
        problem("node '{}' ({}): attribute '{}' is of another kind than {}", node.name, op.full_name(), def.name,
                attr_kind_name(def.kind));
      }
    }
  }

  std::unordered_map<const Graph*, std::unordered_set<const Value*>> owned_;
  std::vector<std::string> problems_;
  size_t count_ = 0;
};

}  // namespace

Status verify(const Graph& graph) {
  Verifier verifier;
  verifier.check(graph);
  return verifier.result();
}

}  // namespace sinter::ir
