// The edits of a graph's ends, types and order.
#include "onnx/editor.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "onnx/editor_parts.h"
#include "onnx/import.h"
#include "onnx/node_order.h"
#include "onnx/type_proto.h"

namespace sinter::onnx {

Result<std::string> ModelEditor::set_type(const Words& words) {
  SINTER_ASSIGN(const ValueType type, ValueType::parse(words[2]));
  for (auto* list : {graph().mutable_input(), graph().mutable_output()}) {
    for (ValueInfoProto& info : *list) {
      if (info.name() != words[1]) continue;
      *info.mutable_type() = from_type(type);
      graph().clear_value_info();
      return std::string("1 value");
    }
  }
  return make_error(Code::kNotFound, "value '{}': found none of that name among inputs and outputs, expected one: types of inner values follow from these", words[1]);
}

Result<std::string> ModelEditor::set_shape(const Words& words) {
  for (const auto* list : {&graph().input(), &graph().output()}) {
    for (const ValueInfoProto& info : *list) {
      if (info.name() != words[1]) continue;
      if (!info.type().has_tensor_type()) return wrong_edit("set-shape", "'" + words[1] + "', which is no tensor", "a tensor");
      TypeProto type = info.type();
      auto* shape = type.mutable_tensor_type()->mutable_shape();
      shape->clear_dim();
      std::string text = words[2];
      std::replace(text.begin(), text.end(), 'x', ',');
      for (const std::string& item : split_list(text)) {
        int64_t size = 0;
        if (parse_int(item, size)) {
          if (size < 0) return wrong_edit("set-shape", "'" + words[2] + "'", "sizes from 0 on, or names");
          shape->add_dim()->set_dim_value(size);
        } else {
          shape->add_dim()->set_dim_param(item);
        }
      }
      for (auto* found : {graph().mutable_input(), graph().mutable_output()}) {
        for (ValueInfoProto& place : *found) {
          if (place.name() == words[1]) *place.mutable_type() = type;
        }
      }
      graph().clear_value_info();
      return std::string("1 value");
    }
  }
  return make_error(Code::kNotFound, "value '{}': found none of that name among inputs and outputs, expected one: shapes of inner values follow from these", words[1]);
}

// What the file says, else what can be inferred.
Result<TypeProto> ModelEditor::type_of(const std::string& value) const {
  for (const auto* list : {&graph().input(), &graph().output(), &graph().value_info()}) {
    for (const ValueInfoProto& info : *list) {
      if (info.name() == value && info.has_type() && (!info.type().has_tensor_type() || info.type().tensor_type().elem_type() != 0)) return info.type();
    }
  }
  SINTER_ASSIGN(const std::string data, bytes());
  const Result<ir::Model> model = import_bytes(data, file_.label, file_.folder);
  if (model.ok()) {
    for (const auto& [id, found] : model.value().graph->values()) {
      if (std::find(found->onnx_names.begin(), found->onnx_names.end(), value) != found->onnx_names.end() || found->name == value) return from_type(found->type);
    }
  }
  return make_error(Code::kInvalidArgument, "value '{}': its type is not in the file and can't be inferred{}; give it, as in {}:f32[1,3,224,224]", value,
                    model.ok() ? std::string() : " (" + std::string(model.status().message()) + ")", value);
}

// "name" or "name:f32[...]".
Result<ValueInfoProto> ModelEditor::end_of(const std::string& text) const {
  ValueInfoProto info;
  const size_t colon = text.rfind(':');
  const bool typed = colon != text.npos && !has_value(text);
  info.set_name(typed ? text.substr(0, colon) : text);
  if (!has_value(info.name())) return make_error(Code::kNotFound, "value '{}': found none of that name, expected an input, a weight or what a node makes", info.name());
  if (typed) {
    SINTER_ASSIGN(const ValueType type, ValueType::parse(text.substr(colon + 1)));
    *info.mutable_type() = from_type(type);
  } else {
    SINTER_ASSIGN(*info.mutable_type(), type_of(info.name()));
  }
  return info;
}

Result<std::string> ModelEditor::set_inputs(const Words& words) {
  std::vector<ValueInfoProto> ends;
  for (size_t i = 1; i < words.size(); ++i) {
    SINTER_ASSIGN(ValueInfoProto info, end_of(words[i]));
    ends.push_back(std::move(info));
  }
  std::set<std::string> names;
  for (const auto& info : ends) names.insert(info.name());
  graph().clear_input();
  for (auto& info : ends) *graph().add_input() = std::move(info);
  // What made them makes them no more.
  for (NodeProto& node : *graph().mutable_node()) {
    for (std::string& name : *node.mutable_output()) {
      if (names.count(name)) name.clear();
    }
  }
  keep_if(*graph().mutable_node(), [](const NodeProto& node) { return std::any_of(node.output().begin(), node.output().end(), [](const std::string& name) { return !name.empty(); }); });
  keep_if(*graph().mutable_initializer(), [&](const TensorProto& tensor) { return names.count(tensor.name()) == 0; });
  return plural(graph().input_size(), "input");
}

Result<std::string> ModelEditor::set_outputs(const Words& words) {
  std::vector<ValueInfoProto> ends;
  for (size_t i = 1; i < words.size(); ++i) {
    SINTER_ASSIGN(ValueInfoProto info, end_of(words[i]));
    ends.push_back(std::move(info));
  }
  graph().clear_output();
  for (auto& info : ends) *graph().add_output() = std::move(info);
  return plural(graph().output_size(), "output");
}

Result<std::string> ModelEditor::extract(const Words& words) {
  Words inputs = {"inputs"}, outputs = {"outputs"};
  for (size_t i = 1; i < words.size(); ++i) {
    const bool in = words[i].starts_with("inputs="), out = words[i].starts_with("outputs=");
    if (!in && !out) return wrong_edit("extract", "'" + words[i] + "'", "inputs=A,B outputs=C");
    // Commas inside brackets are of types.
    std::string item;
    int depth = 0;
    for (const char c : words[i].substr(in ? 7 : 8) + ",") {
      depth += c == '[' ? 1 : c == ']' ? -1 : 0;
      if (c == ',' && depth == 0) {
        if (!item.empty()) (in ? inputs : outputs).push_back(item);
        item.clear();
      } else {
        item += c;
      }
    }
  }
  if (outputs.size() > 1) SINTER_TRY(set_outputs(outputs).status());
  if (inputs.size() > 1) SINTER_TRY(set_inputs(inputs).status());
  SINTER_TRY(cleanup({}).status());
  return fmt::format("{} left", plural(graph().node_size(), "node"));
}

Result<std::string> ModelEditor::cleanup(const Words&) {
  std::unordered_map<std::string, int> makers;
  for (int i = 0; i < graph().node_size(); ++i) {
    for (const std::string& name : graph().node(i).output()) {
      if (!name.empty()) makers[name] = i;
    }
  }
  std::vector<bool> used(static_cast<size_t>(graph().node_size()));
  std::set<std::string> names;
  std::vector<std::string> waiting;
  for (const auto& info : graph().output()) waiting.push_back(info.name());
  while (!waiting.empty()) {
    const std::string name = std::move(waiting.back());
    waiting.pop_back();
    if (!names.insert(name).second) continue;
    const auto maker = makers.find(name);
    if (maker == makers.end() || used[static_cast<size_t>(maker->second)]) continue;
    used[static_cast<size_t>(maker->second)] = true;
    NameSet uses;
    collect_uses(graph().node(maker->second), uses);
    waiting.insert(waiting.end(), uses.begin(), uses.end());
  }
  const int nodes = graph().node_size(), weights = graph().initializer_size();
  int index = 0;
  keep_if(*graph().mutable_node(), [&](const NodeProto&) { return used[static_cast<size_t>(index++)]; });
  keep_if(*graph().mutable_initializer(), [&](const TensorProto& tensor) { return names.count(tensor.name()) > 0; });
  keep_if(*graph().mutable_sparse_initializer(), [&](const SparseTensorProto& tensor) { return names.count(tensor.values().name()) > 0; });
  keep_if(*graph().mutable_value_info(), [&](const ValueInfoProto& info) { return names.count(info.name()) > 0; });
  return plural(nodes - graph().node_size(), "node") + " and " + plural(weights - graph().initializer_size(), "weight") + " removed";
}

Result<std::string> ModelEditor::toposort(const Words&) {
  const NodeOrder order = order_nodes(graph().node());
  if (!order.cycles.empty()) {
    std::string names;
    for (const int index : order.cycles[0]) names += (names.empty() ? "'" : ", '") + (graph().node(index).name().empty() ? graph().node(index).op_type() : graph().node(index).name()) + "'";
    return make_error(Code::kInvalidModel, "edit 'toposort': found a cycle through {}, expected none; cut it", names);
  }
  NodeList sorted;
  for (const int index : order.order) sorted.Add()->Swap(graph().mutable_node(index));
  graph().mutable_node()->Swap(&sorted);
  return std::string(order.sorted ? "sorted already" : "sorted");
}

}  // namespace sinter::onnx
