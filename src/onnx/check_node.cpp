// A node against its schema: counts, attributes, types.
#include <climits>

#include "onnx/importer.h"
#include "onnx/new_node.h"

namespace sinter::onnx {
namespace {

class NodeChecker {
 public:
  NodeChecker(const OpDef& op, const PendingNode& node, const Finding& where, Findings& findings)
      : op_(op), node_(node), where_(where), findings_(findings) {}

  bool good() const { return good_; }

  void error(std::string found, std::string expected, std::string action, Code code = Code::kInvalidModel) {
    Finding finding = where_;
    finding.found = std::move(found);
    finding.expected = std::move(expected);
    finding.action = std::move(action);
    finding.code = code;
    findings_.add(std::move(finding));
    good_ = false;
  }

  void check_opset() {
    if (op_.until != 0 && node_.opset > op_.until) {
      error(fmt::format("opset {} of domain '{}'", node_.opset, op_.domain), fmt::format("{} to {}, which the plugin's '{}' reads", op_.since, op_.until, op_.name),
            "use a newer plugin, or export with an older opset of the domain", Code::kUnsupported);
    }
    if ((!op_.domain.empty() && !op_.plugin) || node_.opset >= op_.since) return;
    error(fmt::format("'{}' as opset {} means it is not supported", op_.name, node_.opset),
          fmt::format("opset {} or newer", op_.since),
          "export with a newer opset, or convert the model with the onnx package's version converter",
          Code::kUnsupported);
  }

  void check_counts() {
    const auto inputs = static_cast<int>(node_.inputs.size());
    const auto outputs = static_cast<int>(node_.outputs.size());
    if (inputs < op_.min_inputs() || inputs > op_.max_inputs()) {
      error(fmt::format("{} inputs", inputs), range(op_.min_inputs(), op_.max_inputs()),
            "correct the node or its opset");
    }
    if (outputs < op_.min_outputs() || outputs > op_.max_outputs()) {
      error(fmt::format("{} outputs", outputs), range(op_.min_outputs(), op_.max_outputs()),
            "correct the node or its opset");
    }
    for (size_t i = 0; i < node_.inputs.size() && i < op_.inputs.size(); ++i) {
      if (!node_.inputs[i] && op_.inputs[i].kind == ParamKind::kSingle) {
        error(fmt::format("input {} ('{}') is left out", i, op_.inputs[i].name), "a value: it is not optional",
              "correct the node");
      }
    }
  }

  void check_attributes(const std::map<std::string, BoundAttribute>& graphs) {
    for (const auto& [name, value] : node_.attributes) {
      const AttrDef* attribute = op_.find_attribute(name);
      const auto kind = static_cast<AttrKind>(value.index());
      if (!attribute) {
        error(fmt::format("attribute '{}', which the operator does not have", name), attribute_names(),
              "correct the node or its opset");
      } else if (attribute->kind != kind) {
        error(fmt::format("attribute '{}' is of kind {}", name, attr_kind_name(kind)),
              std::string(attr_kind_name(attribute->kind)), "correct the node");
      }
    }
    for (const auto& [name, bound] : graphs) {
      const AttrDef* attribute = op_.find_attribute(name);
      if (!attribute || attribute->kind != AttrKind::kGraph) {
        error(fmt::format("attribute '{}' is a graph", name), attribute_names(), "correct the node or its opset");
      }
    }
    for (const AttrDef& attribute : op_.attributes) {
      if (attribute.required && !node_.attributes.has(attribute.name) && !graphs.count(attribute.name)) {
        error(fmt::format("attribute '{}' is missing", attribute.name), std::string(attr_kind_name(attribute.kind)),
              "correct the node");
      }
    }
  }

  // Every input of a type variable must have a type that it allows, and the same one.
  void check_types() {
    std::map<std::string_view, std::pair<size_t, const ValueType*>> bound;
    for (size_t i = 0; i < node_.inputs.size(); ++i) {
      if (!node_.inputs[i] || op_.inputs.empty()) continue;
      const ParamDef& param = op_.inputs[std::min(i, op_.inputs.size() - 1)];
      const TypeVar* type_var = op_.find_type(param.type);
      const ValueType& type = node_.inputs[i]->type;
      if (!type_var || type.kind == ValueType::Kind::kUnknown) continue;
      if (!allows(*type_var, type)) {
        error(fmt::format("input {} ('{}') is {}", i, node_.inputs[i]->name, type.to_string()), describe(*type_var),
              "cast it, or export with another element type");
        continue;
      }
      if (param.heterogeneous) continue;
      const auto [first, is_new] = bound.emplace(type_var->name, std::make_pair(i, &type));
      if (!is_new && !same_element(*first->second.second, type)) {
        error(fmt::format("input {} is {} but input {} is {}", first->second.first, first->second.second->to_string(),
                          i, type.to_string()),
              fmt::format("the same element type for all inputs of type '{}'", type_var->name), "cast one of them");
      }
    }
  }

 private:
  static std::string range(int low, int high) {
    if (low == high) return fmt::format("{}", low);
    return high == INT_MAX ? fmt::format("at least {}", low) : fmt::format("{} to {}", low, high);
  }

  std::string attribute_names() const {
    std::string names;
    for (const AttrDef& attribute : op_.attributes) names += (names.empty() ? "one of " : ", ") + attribute.name;
    return names.empty() ? "no attributes" : names;
  }

  static bool allows(const TypeVar& type_var, const ValueType& type) {
    switch (type.kind) {
      case ValueType::Kind::kTensor:
        return type.dtype == DType::kUndefined || contains(type_var.tensors, type.dtype) ||
               (type_var.tensors == 0 && !type_var.sequences && !type_var.optionals);
      case ValueType::Kind::kSequence: {
        if (!type_var.sequences) return false;
        const ValueType* element = type.element.get();
        const bool known = element && element->is_tensor() && element->dtype != DType::kUndefined;
        return type_var.tensors == 0 || !known || contains(type_var.tensors, element->dtype);
      }
      case ValueType::Kind::kOptional: return type_var.optionals;
      case ValueType::Kind::kUnknown: return true;
    }
    return true;
  }

  static bool same_element(const ValueType& a, const ValueType& b) {
    if (a.kind != b.kind) return false;
    if (a.is_tensor()) return a.dtype == b.dtype || a.dtype == DType::kUndefined || b.dtype == DType::kUndefined;
    if (!a.element || !b.element || a.element->kind == ValueType::Kind::kUnknown ||
        b.element->kind == ValueType::Kind::kUnknown)
      return true;
    return same_element(*a.element, *b.element);
  }

  static std::string describe(const TypeVar& type_var) {
    std::string names;
    for (int i = 1; i < kDTypeCount; ++i) {
      if (contains(type_var.tensors, static_cast<DType>(i))) {
        names += (names.empty() ? "" : ", ") + std::string(dtype_name(static_cast<DType>(i)));
      }
    }
    if (type_var.sequences) names += names.empty() ? "a sequence" : ", or a sequence";
    if (type_var.optionals) names += names.empty() ? "an optional" : ", or an optional";
    return names;
  }

  const OpDef& op_;
  const PendingNode& node_;
  const Finding& where_;
  Findings& findings_;
  bool good_ = true;
};

}  // namespace

bool check_node(const OpDef& op, const PendingNode& node, const std::map<std::string, BoundAttribute>& graphs,
                const Finding& where, Findings& findings) {
  NodeChecker checker(op, node, where, findings);
  checker.check_opset();
  checker.check_counts();
  checker.check_attributes(graphs);
  checker.check_types();
  return checker.good();
}

Status check_new_node(const OpDef& op, PendingNode node, const std::set<std::string>& bodies, const std::string& label) {
  node.opset = kNewestOpset;
  std::map<std::string, BoundAttribute> graphs;
  for (const std::string& name : bodies) graphs[name] = {};
  Findings findings(label);
  Finding at;
  at.node = node.name;
  at.op = node.op_type;
  at.domain = node.domain;
  check_node(op, node, graphs, at, findings);
  return findings.status();
}

}  // namespace sinter::onnx
