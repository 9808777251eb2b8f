#include "onnx/editor.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <unordered_map>

#include "base/files.h"
#include "onnx/editor_parts.h"
#include "onnx/import.h"
#include "onnx/node_order.h"
#include "onnx/tensor_proto.h"
#include "onnx/type_proto.h"

namespace sinter::onnx {
namespace {

constexpr size_t kShownProblems = 3;

}  // namespace

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;
  char quote = 0;
  for (const char c : text) {
    if (quote) {
      if (c == quote) quote = 0;
      else word += c;
    } else if (c == '"' || c == '\'') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (open || !word.empty()) words.push_back(std::move(word));
      word.clear();
      open = false;
    } else {
      word += c;
    }
  }
  if (quote) return make_error(Code::kInvalidArgument, "edit '{}': found an open quote, expected it closed", text);
  if (open || !word.empty()) words.push_back(std::move(word));
  return words;
}

Result<ModelEditor> ModelEditor::open(const std::string& path) {
  SINTER_ASSIGN(ModelFile file, read_model(path));
  ModelEditor editor(std::move(file));
  SINTER_ASSIGN(const std::string bytes, editor.bytes());
  for (const Finding& finding : check_bytes(bytes, editor.file_.label, editor.file_.folder)) editor.problems_at_first_.push_back(finding.to_string());
  return editor;
}

Result<std::string> ModelEditor::apply(std::string_view edit) {
  SINTER_ASSIGN(const Words words, split_words(edit));
  struct Verb {
    const char* name;
    size_t least, most;
    Result<std::string> (ModelEditor::*act)(const Words&);
  };
  constexpr size_t kAny = SIZE_MAX;
  static constexpr Verb kVerbs[] = {
      {"replace-op", 2, 2, &ModelEditor::replace_op}, {"set-attr", 2, 2, &ModelEditor::set_attribute}, {"remove-attr", 2, 2, &ModelEditor::remove_attribute},
      {"rename", 2, 2, &ModelEditor::rename}, {"rename-node", 2, 2, &ModelEditor::rename_node}, {"remove", 1, 1, &ModelEditor::remove},
      {"remove-op", 1, 1, &ModelEditor::remove_op}, {"insert", 3, kAny, &ModelEditor::insert}, {"insert-after", 2, kAny, &ModelEditor::insert_after},
      {"set-type", 2, 2, &ModelEditor::set_type}, {"set-shape", 2, 2, &ModelEditor::set_shape}, {"inputs", 0, kAny, &ModelEditor::set_inputs},
      {"outputs", 1, kAny, &ModelEditor::set_outputs}, {"extract", 1, 2, &ModelEditor::extract}, {"cleanup", 0, 0, &ModelEditor::cleanup},
      {"toposort", 0, 0, &ModelEditor::toposort}};
  if (words.empty()) return wrong_edit(std::string(edit), "nothing", "an edit such as 'replace-op OLD NEW'");
  std::string names;
  for (const Verb& verb : kVerbs) {
    names += (names.empty() ? "" : ", ") + std::string(verb.name);
    if (words[0] != verb.name) continue;
    if (words.size() - 1 < verb.least || words.size() - 1 > verb.most) return wrong_edit(std::string(edit), plural(static_cast<int>(words.size()) - 1, "word") + " after it", "another number of them");
    const ModelProto before = *file_.proto;
    Result<std::string> done = (this->*verb.act)(words);
    if (!done.ok()) *file_.proto = before;
    return done;
  }
  return wrong_edit(std::string(edit), "'" + words[0] + "'", "one of " + names);
}

Result<NodeProto*> ModelEditor::node_named(const std::string& name) const {
  NodeProto* found = nullptr;
  for (NodeProto& node : *graph().mutable_node()) {
    // Nodes without a name are called by their first output.
    if (node.name() != name && !(node.name().empty() && node.output_size() > 0 && node.output(0) == name)) continue;
    if (found) return make_error(Code::kInvalidArgument, "node '{}': found several of that name, expected one; rename them, or edit by operator", name);
    found = &node;
  }
  if (!found) return make_error(Code::kNotFound, "node '{}': found none of that name, expected a node of the main graph; 'sinter inspect' lists what there is", name);
  return found;
}

bool ModelEditor::has_value(const std::string& name) const {
  for (const auto& info : graph().input()) if (info.name() == name) return true;
  for (const auto& tensor : graph().initializer()) if (tensor.name() == name) return true;
  for (const auto& tensor : graph().sparse_initializer()) if (tensor.values().name() == name) return true;
  for (const auto& node : graph().node()) {
    if (std::find(node.output().begin(), node.output().end(), name) != node.output().end()) return true;
  }
  return false;
}

void ModelEditor::import_domain(const std::string& domain) {
  if (domain.empty()) return;
  for (const auto& entry : file_.proto->opset_import()) if (entry.domain() == domain) return;
  auto* entry = file_.proto->add_opset_import();
  entry->set_domain(domain);
  entry->set_version(1);
}

Result<std::string> ModelEditor::constant_part(const std::vector<std::string>& left_out) const {
  static const std::set<std::string> kNever = {"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli",
                                               "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"};
  const std::set<std::string> excluded(left_out.begin(), left_out.end());
  std::set<std::string> known, inner;  // values of constants; those that the part makes
  for (const auto& tensor : graph().initializer()) known.insert(tensor.name());
  for (const auto& info : graph().input()) known.erase(info.name());  // the caller may set it
  ModelProto part;
  part.set_ir_version(std::max<int64_t>(4, file_.proto->ir_version()));
  *part.mutable_opset_import() = file_.proto->opset_import();
  part.mutable_graph()->set_name("constants");
  std::vector<bool> taken;
  std::set<std::string> read;
  for (const NodeProto& node : graph().node()) {
    bool good = kNever.count(node.op_type()) == 0 && excluded.count(node.domain() + "::" + node.op_type()) == 0;
    for (const AttributeProto& attribute : node.attribute()) good = good && !attribute.has_g() && attribute.graphs_size() == 0;
    for (const std::string& name : node.input()) good = good && (name.empty() || known.count(name) > 0);
    taken.push_back(good);
    if (!good) continue;
    for (const std::string& name : node.output()) known.insert(name), inner.insert(name);
    for (const std::string& name : node.input()) read.insert(name);
    *part.mutable_graph()->add_node() = node;
  }
  std::set<std::string> wanted;
  for (int i = 0; i < graph().node_size(); ++i) {
    if (taken[static_cast<size_t>(i)]) continue;
    NameSet uses;
    collect_uses(graph().node(i), uses);
    for (const std::string_view name : uses) {
      if (inner.count(std::string(name))) wanted.insert(std::string(name));
    }
  }
  for (const auto& info : graph().output()) {
    if (inner.count(info.name())) wanted.insert(info.name());
  }
  if (wanted.empty()) return std::string();
  for (const auto& tensor : graph().initializer()) {
    if (read.count(tensor.name())) *part.mutable_graph()->add_initializer() = tensor;
  }
  for (const std::string& name : wanted) part.mutable_graph()->add_output()->set_name(name);
  return part.SerializeAsString();
}

Result<int> ModelEditor::adopt_constants(ModelProto& result) {
  std::set<std::string> names;
  for (TensorProto& tensor : *result.mutable_graph()->mutable_initializer()) {
    bool wanted = false;
    for (const auto& info : result.graph().output()) wanted = wanted || info.name() == tensor.name();
    if (!wanted) continue;
    names.insert(tensor.name());
    graph().add_initializer()->Swap(&tensor);
  }
  for (NodeProto& node : *graph().mutable_node()) {
    for (std::string& name : *node.mutable_output()) {
      if (names.count(name)) name.clear();
    }
  }
  const int before = graph().node_size();
  keep_if(*graph().mutable_node(), [](const NodeProto& node) {
    return node.output_size() == 0 || std::any_of(node.output().begin(), node.output().end(), [](const std::string& name) { return !name.empty(); });
  });
  const Words none;
  SINTER_TRY(cleanup(none).status());
  return before - graph().node_size();
}

Result<std::string> ModelEditor::bytes() const {
  std::string text;
  if (file_.proto->ByteSizeLong() > static_cast<size_t>(INT32_MAX) || !file_.proto->SerializeToString(&text)) {
    return make_error(Code::kUnsupported, "{}: found more than 2 GiB in one message, expected less; keep the weights in a file of their own", file_.label);
  }
  return text;
}

Status ModelEditor::validate(std::vector<std::string>& warnings) const {
  SINTER_ASSIGN(const std::string data, bytes());
  std::vector<std::string> errors;
  for (const Finding& finding : check_bytes(data, file_.label, file_.folder)) {
    const std::string text = finding.to_string();
    if (std::find(problems_at_first_.begin(), problems_at_first_.end(), text) != problems_at_first_.end()) continue;
    (finding.warning || finding.code == Code::kUnsupported ? warnings : errors).push_back(text);
  }
  if (errors.empty()) return ok_status();
  std::string text;
  for (size_t i = 0; i < errors.size() && i < kShownProblems; ++i) text += (i ? "\n  " : "") + errors[i];
  return make_error(Code::kInvalidModel, "the edited model is no valid one, so it is not written:\n  {}{}", text,
                    errors.size() > kShownProblems ? fmt::format("\n  and {} more", errors.size() - kShownProblems) : "");
}

Status ModelEditor::save(const std::string& path) {
  std::error_code error;
  const auto folder = [&](const std::string& name) { return std::filesystem::weakly_canonical(std::filesystem::absolute(name, error), error).string(); };
  const std::string target = std::filesystem::path(path).parent_path().string();
  if (folder(target.empty() ? "." : target) != folder(file_.folder.empty() ? "." : file_.folder)) {
    for (TensorProto& tensor : *graph().mutable_initializer()) {
      if (tensor.data_location() != kLocationExternal) continue;
      const std::string name = tensor.name();
      SINTER_ASSIGN(const Tensor loaded, to_tensor(tensor, file_.external.get()));
      tensor = from_tensor(loaded, name);
    }
  }
  SINTER_ASSIGN(const std::string data, bytes());
  return write_file(path, data);
}

}  // namespace sinter::onnx
