// The edits of nodes and names.
#include "onnx/editor.h"

#include "onnx/editor_parts.h"
#include "onnx/node_order.h"

namespace sinter::onnx {

Result<std::string> ModelEditor::replace_op(const Words& words) {
  const OpName from(words[1]), to(words[2]);
  if (to.op.empty()) return wrong_edit("replace-op", "no operator", "a name");
  int count = 0;
  each_graph(graph(), [&](GraphProto& body) {
    for (NodeProto& node : *body.mutable_node()) {
      if (!from.is(node)) continue;
      node.set_op_type(to.op);
      node.set_domain(to.domain);
      ++count;
    }
    body.clear_value_info();  // the new operator's types may be others
  });
  if (count == 0) return make_error(Code::kNotFound, "edit 'replace-op {}': found no node of that operator, expected one; 'sinter inspect' lists what there is", words[1]);
  import_domain(to.domain);
  return plural(count, "node");
}

Result<std::string> ModelEditor::set_attribute(const Words& words) {
  SINTER_ASSIGN(NodeProto* const node, node_named(words[1]));
  const size_t equals = words[2].find('=');
  if (equals == 0 || equals == words[2].npos) return wrong_edit("set-attr", "'" + words[2] + "'", "NAME=VALUE");
  put_attribute(*node, parse_attribute(words[2].substr(0, equals), words[2].substr(equals + 1)));
  graph().clear_value_info();
  return std::string("1 attribute");
}

Result<std::string> ModelEditor::remove_attribute(const Words& words) {
  SINTER_ASSIGN(NodeProto* const node, node_named(words[1]));
  const int before = node->attribute_size();
  keep_if(*node->mutable_attribute(), [&](const AttributeProto& attribute) { return attribute.name() != words[2]; });
  if (node->attribute_size() == before) return make_error(Code::kNotFound, "node '{}': found no attribute '{}', expected one of its own", words[1], words[2]);
  graph().clear_value_info();
  return std::string("1 attribute");
}

Result<std::string> ModelEditor::rename(const Words& words) {
  const std::string &from = words[1], &to = words[2];
  if (to.empty()) return wrong_edit("rename", "no new name", "one");
  if (!has_value(from)) return make_error(Code::kNotFound, "value '{}': found none of that name, expected an input, a weight or what a node makes", from);
  bool taken = false;
  each_graph(graph(), [&](GraphProto& body) {
    for (const auto& node : body.node()) taken = taken || std::find(node.output().begin(), node.output().end(), to) != node.output().end();
    for (const auto& info : body.input()) taken = taken || info.name() == to;
  });
  if (taken || has_value(to)) return make_error(Code::kInvalidArgument, "edit 'rename {} {}': found a value named '{}' already, expected a new name", from, to, to);
  each_graph(graph(), [&](GraphProto& body) {
    const auto swap = [&](std::string* name) {
      if (*name == from) *name = to;
    };
    for (NodeProto& node : *body.mutable_node()) {
      for (std::string& name : *node.mutable_input()) swap(&name);
      for (std::string& name : *node.mutable_output()) swap(&name);
    }
    for (auto* list : {body.mutable_input(), body.mutable_output(), body.mutable_value_info()}) {
      for (ValueInfoProto& info : *list) swap(info.mutable_name());
    }
    for (TensorProto& tensor : *body.mutable_initializer()) swap(tensor.mutable_name());
    for (auto& tensor : *body.mutable_sparse_initializer()) swap(tensor.mutable_values()->mutable_name());
    for (auto& annotation : *body.mutable_quantization_annotation()) swap(annotation.mutable_tensor_name());
  });
  return std::string("1 value");
}

Result<std::string> ModelEditor::rename_node(const Words& words) {
  SINTER_ASSIGN(NodeProto* const node, node_named(words[1]));
  for (const NodeProto& other : graph().node()) {
    if (other.name() == words[2]) return make_error(Code::kInvalidArgument, "edit 'rename-node': found a node named '{}' already, expected a new name", words[2]);
  }
  node->set_name(words[2]);
  return std::string("1 node");
}

// Readers of the first output read the first input; a graph output keeps its name where the input's maker can take it.
Status ModelEditor::bypass(int index) {
  const NodeProto node = graph().node(index);
  const std::string label = node.name().empty() ? node.op_type() : node.name();
  if (node.input_size() == 0 || node.input(0).empty() || node.output_size() == 0) {
    return make_error(Code::kInvalidArgument, "node '{}': found no input to take the place of its output, expected one; cut its readers off, or extract the part that is wanted", label);
  }
  NameSet used;
  for (int i = 0; i < graph().node_size(); ++i) {
    if (i != index) collect_uses(graph().node(i), used);
  }
  for (const auto& info : graph().output()) used.insert(info.name());
  for (int i = 1; i < node.output_size(); ++i) {
    if (!node.output(i).empty() && used.count(node.output(i))) {
      return make_error(Code::kInvalidArgument, "node '{}': found readers of its output '{}', expected readers of the first alone; edit those first", label, node.output(i));
    }
  }
  const std::string from = node.output(0), to = node.input(0);
  for (const auto& info : graph().output()) {
    if (info.name() != from) continue;
    // The output's name goes to an Identity: it may be read, and made, under another one.
    graph().mutable_node(index)->set_op_type("Identity");
    graph().mutable_node(index)->set_domain("");
    graph().mutable_node(index)->clear_attribute();
    while (graph().mutable_node(index)->input_size() > 1) graph().mutable_node(index)->mutable_input()->RemoveLast();
    while (graph().mutable_node(index)->output_size() > 1) graph().mutable_node(index)->mutable_output()->RemoveLast();
    return ok_status();
  }
  graph().mutable_node()->DeleteSubrange(index, 1);
  each_graph(graph(), [&](GraphProto& body) {
    for (NodeProto& reader : *body.mutable_node()) {
      for (std::string& name : *reader.mutable_input()) {
        if (name == from) name = to;
      }
    }
    for (ValueInfoProto& info : *body.mutable_output()) {
      if (&body != &graph() && info.name() == from) info.set_name(to);
    }
    body.clear_value_info();
  });
  return ok_status();
}

Result<std::string> ModelEditor::remove(const Words& words) {
  SINTER_ASSIGN(NodeProto* const node, node_named(words[1]));
  for (int i = 0; i < graph().node_size(); ++i) {
    if (&graph().node(i) == node) {
      SINTER_TRY(bypass(i));
      break;
    }
  }
  return std::string("1 node");
}

Result<std::string> ModelEditor::remove_op(const Words& words) {
  const OpName op(words[1]);
  int count = 0;
  for (int i = 0; i < graph().node_size();) {
    if (!op.is(graph().node(i))) {
      ++i;
      continue;
    }
    const int before = graph().node_size();
    SINTER_TRY(bypass(i));
    if (graph().node_size() == before) ++i;
    ++count;
  }
  if (count == 0) return make_error(Code::kNotFound, "edit 'remove-op {}': found no node of that operator, expected one in the main graph", words[1]);
  return plural(count, "node");
}

Result<std::string> ModelEditor::insert(const Words& words) {
  const OpName op(words[1]);
  NodeProto node;
  node.set_op_type(op.op);
  node.set_domain(op.domain);
  node.set_name(words[2]);
  for (size_t i = 3; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == 0 || equals == words[i].npos) return wrong_edit("insert", "'" + words[i] + "'", "inputs=..., outputs=... or NAME=VALUE");
    const std::string key = words[i].substr(0, equals), value = words[i].substr(equals + 1);
    if (key == "inputs") {
      for (const std::string& name : split_list(value)) node.add_input(name);
    } else if (key == "outputs") {
      for (const std::string& name : split_list(value)) node.add_output(name);
    } else {
      put_attribute(node, parse_attribute(key, value));
    }
  }
  if (node.output_size() == 0) return wrong_edit("insert", "no outputs", "outputs=NAME,...");
  for (const std::string& name : node.input()) {
    if (!has_value(name)) return make_error(Code::kNotFound, "edit 'insert {}': found no value '{}', expected inputs that there are", words[1], name);
  }
  for (const std::string& name : node.output()) {
    if (has_value(name)) return make_error(Code::kInvalidArgument, "edit 'insert {}': found a value named '{}' already, expected a new name; insert-after puts a node between a value and its readers", words[1], name);
  }
  *graph().add_node() = std::move(node);
  import_domain(op.domain);
  return std::string("1 node");
}

Result<std::string> ModelEditor::insert_after(const Words& words) {
  const std::string& value = words[1];
  if (!has_value(value)) return make_error(Code::kNotFound, "value '{}': found none of that name, expected an input, a weight or what a node makes", value);
  const OpName op(words[2]);
  NodeProto node;
  node.set_op_type(op.op);
  node.set_domain(op.domain);
  for (size_t i = 3; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    if (equals == words[i].npos && i == 3) node.set_name(words[i]);
    else if (equals == 0 || equals == words[i].npos) return wrong_edit("insert-after", "'" + words[i] + "'", "NAME=VALUE");
    else put_attribute(node, parse_attribute(words[i].substr(0, equals), words[i].substr(equals + 1)));
  }
  std::string other = value + "_after";
  while (has_value(other)) other += "_";
  int maker = -1;
  for (int i = 0; i < graph().node_size(); ++i) {
    for (std::string& name : *graph().mutable_node(i)->mutable_output()) {
      if (name == value) maker = i;
    }
  }
  if (maker >= 0) {  // readers, and a graph output, keep the name: what is made gets another
    other = value + "_before";
    while (has_value(other)) other += "_";
    for (std::string& name : *graph().mutable_node(maker)->mutable_output()) {
      if (name == value) name = other;
    }
    node.add_input(other);
    node.add_output(value);
  } else {
    for (const auto& info : graph().output()) {
      if (info.name() == value) return make_error(Code::kInvalidArgument, "value '{}': found an input that is an output too, expected a node between; insert one with 'insert'", value);
    }
    each_graph(graph(), [&](GraphProto& body) {
      for (NodeProto& reader : *body.mutable_node()) {
        for (std::string& name : *reader.mutable_input()) {
          if (name == value) name = other;
        }
      }
    });
    node.add_input(value);
    node.add_output(other);
  }
  if (node.name().empty()) node.set_name(op.op + "_" + value);
  *graph().add_node() = std::move(node);
  graph().clear_value_info();
  import_domain(op.domain);
  SINTER_TRY(toposort({}).status());
  return std::string("1 node");
}

}  // namespace sinter::onnx
