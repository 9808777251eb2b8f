// Importer: one node.
#include <climits>

#include "base/text.h"
#include "onnx/importer.h"
#include "onnx/tensor_proto.h"
#include "onnx/type_proto.h"

namespace sinter::onnx {
namespace {

// Functions may call functions: a small file must not expand without bound.
constexpr int64_t kMaxNodes = 100'000;

int attribute_type(const AttributeProto& proto) {
  if (proto.type() != kAttrUndefined) return proto.type();
  if (proto.has_f()) return kAttrFloat;
  if (proto.has_i()) return kAttrInt;
  if (proto.has_s()) return kAttrString;
  if (proto.has_t()) return kAttrTensor;
  if (proto.has_g()) return kAttrGraph;
  if (proto.has_sparse_tensor()) return kAttrSparseTensor;
  if (proto.has_tp()) return kAttrTypeProto;
  if (proto.floats_size()) return kAttrFloats;
  if (proto.ints_size()) return kAttrInts;
  if (proto.strings_size()) return kAttrStrings;
  return kAttrUndefined;
}

}  // namespace

Finding Importer::where(const NodeProto& proto, const Scope& scope) const {
  Finding finding;
  finding.domain = normal_domain(proto.domain());
  finding.op = proto.op_type();
  const std::string name = !proto.name().empty() ? proto.name() : proto.output_size() ? proto.output(0) : "";
  finding.node = scope.frame->prefix + name;
  const auto opset = scope.frame->opsets.find(finding.domain);
  finding.opset = opset != scope.frame->opsets.end() ? opset->second : 0;
  return finding;
}

ir::Value* Importer::lookup(Scope& scope, const std::string& name, bool& known) {
  known = true;
  if (const auto own = scope.values.find(name); own != scope.values.end()) return own->second;
  known = false;
  if (!scope.parent) return nullptr;
  ir::Value* outer = lookup(*scope.parent, name, known);
  if (!outer) return nullptr;
  ir::Value* value;
  if (outer->is_constant()) {  // the same bytes under a name of this graph: rules and passes see a constant
    value = scope.graph->add_constant(outer->name, outer->constant);
    value->onnx_names = outer->onnx_names;
  } else {
    value = scope.graph->capture(outer);
    if (poisoned_.count(outer)) poisoned_.insert(value);
  }
  scope.values[name] = value;
  return value;
}

void Importer::poison_outputs(const NodeProto& proto, Scope& scope) {
  for (const std::string& output : proto.output()) {
    if (output.empty() || scope.values.count(output)) continue;
    ir::Value* value = scope.graph->add_value(scope.frame->prefix + output);
    poisoned_.insert(value);
    scope.values[output] = value;
  }
}

bool Importer::resolve_inputs(const NodeProto& proto, Scope& scope, std::vector<ir::Value*>& inputs) {
  bool complete = true;
  for (int i = 0; i < proto.input_size(); ++i) {
    const std::string& name = proto.input(i);
    if (name.empty()) {
      inputs.push_back(nullptr);
      continue;
    }
    bool known = false;
    ir::Value* value = lookup(scope, name, known);
    if (!known) {
      Finding finding = where(proto, scope);
      finding.found = fmt::format("input {} is '{}', which nothing defines", i, name);
      finding.expected = "a graph input, an initializer or the output of a node";
      finding.action = "export the model again";
      findings_.add(std::move(finding));
      complete = false;
    }
    if (value && poisoned_.count(value)) complete = false;
    inputs.push_back(value);
  }
  while (!inputs.empty() && !inputs.back()) inputs.pop_back();
  return complete;
}

bool Importer::read_attribute(AttributeProto& proto, Scope& scope, AttrValue& value, const Finding& at) {
  const auto fail = [&](std::string found, std::string expected) {
    Finding finding = at;
    finding.found = fmt::format("attribute '{}': {}", proto.name(), found);
    finding.expected = std::move(expected);
    finding.action = "export the model again";
    findings_.add(std::move(finding));
    return false;
  };
  switch (attribute_type(proto)) {
    case kAttrFloat: value = proto.f(); return true;
    case kAttrInt: value = proto.i(); return true;
    case kAttrString: value = proto.s(); return true;
    case kAttrFloats: value = std::vector<float>(proto.floats().begin(), proto.floats().end()); return true;
    case kAttrInts: value = std::vector<int64_t>(proto.ints().begin(), proto.ints().end()); return true;
    case kAttrStrings: value = std::vector<std::string>(proto.strings().begin(), proto.strings().end()); return true;
    case kAttrTensor: {
      Result<Tensor> made = tensor(*proto.mutable_t());
      if (!made.ok()) return fail(made.status().message(), "");
      value = std::move(made).value();
      return true;
    }
    case kAttrTypeProto: {
      Result<ValueType> type = to_type(proto.tp(), scope.frame->prefix + at.node + "_" + proto.name(), dims_);
      if (!type.ok()) return fail(type.status().message(), "");
      value = std::move(type).value();
      return true;
    }
    case kAttrSparseTensor: {
      Result<Tensor> made = to_tensor(*proto.mutable_sparse_tensor(), file_.external.get());
      if (!made.ok()) return fail(made.status().message(), "");
      value = std::move(made).value();
      return true;
    }
    default:
      return fail(fmt::format("kind number {}", proto.type()),
                  "int, float, string, tensor, graph, type, or a list of numbers or strings");
  }
}

bool Importer::read_attributes(NodeProto& proto, Scope& scope, Attributes& attributes,
                               std::map<std::string, BoundAttribute>& graphs) {
  bool good = true;
  const Finding at = where(proto, scope);
  for (AttributeProto& attribute : *proto.mutable_attribute()) {
    BoundAttribute bound{&attribute, &scope, scope.frame};
    if (!attribute.ref_attr_name().empty()) {
      const auto given = scope.frame->attributes.find(attribute.ref_attr_name());
      if (given == scope.frame->attributes.end()) {
        if (!scope.frame->function) {
          Finding finding = at;
          finding.found =
              fmt::format("attribute '{}' refers to '{}' of a function", attribute.name(), attribute.ref_attr_name());
          finding.expected = "a value: this node is in no function";
          finding.action = "export the model again";
          findings_.add(std::move(finding));
          good = false;
        }
        continue;  // the call left it out: so does this node
      }
      bound = given->second;
    }
    const std::string& name = attribute.name();
    if (attributes.has(name) || graphs.count(name)) {
      Finding finding = at;
      finding.found = fmt::format("attribute '{}' is given twice", name);
      finding.expected = "each attribute once";
      finding.action = "export the model again";
      findings_.add(std::move(finding));
      good = false;
    } else if (attribute_type(*bound.proto) == kAttrGraph) {
      graphs[name] = bound;
    } else {
      AttrValue value;
      if (read_attribute(*bound.proto, scope, value, at)) {
        attributes.set(name, std::move(value));
      } else {
        good = false;
      }
    }
  }
  return good;
}

void Importer::import_node(NodeProto& proto, Scope& scope) {
  if (findings_.errors() > 0 && nodes_made_ > kMaxNodes) return;
  std::string domain = normal_domain(proto.domain());
  if (FunctionProto* function = find_function(domain, proto)) {
    inline_call(*function, proto, scope);
    return;
  }
  const OpDef* plugin = find_plugin(domain, proto.op_type());
  if (plugin) domain = plugin->domain;
  const Finding at = where(proto, scope);
  if (scope.frame->function && ++nodes_made_ > kMaxNodes) {
    findings_.error(fmt::format("the functions of the model expand to more than {} nodes", kMaxNodes), "fewer",
                    "split the model or simplify it", Code::kUnsupported);
    return;
  }
  if (at.opset == 0 && !plugin) {
    Finding finding = at;
    finding.found = fmt::format("no opset is imported for domain '{}'", domain.empty() ? "ai.onnx" : domain);
    finding.expected = "an opset_import entry for every domain in use";
    finding.action = "export the model again";
    findings_.add(std::move(finding));
    poison_outputs(proto, scope);
    return;
  }
  if (domain.empty() && proto.op_type() == "Constant") {
    import_constant(proto, scope);
    return;
  }
  PendingNode pending;
  std::map<std::string, BoundAttribute> graphs;
  pending.domain = domain;
  pending.op_type = proto.op_type();
  pending.opset = plugin ? plugin->since : at.opset;
  pending.name = at.node;
  pending.source = at.node;
  bool good = resolve_inputs(proto, scope, pending.inputs);
  good = read_attributes(proto, scope, pending.attributes, graphs) && good;
  if (plugin) normalize_plugin_attributes(*plugin, pending.attributes);
  for (const std::string& output : proto.output()) pending.outputs.push_back(output);
  for (const std::string& output : pending.outputs) {
    if (!output.empty() && scope.values.count(output)) {
      define(scope, output, nullptr, at);  // reports it
      good = false;
    }
  }
  const OpDef* known = find_op(domain, pending.op_type);
  const ContribOp* contrib = known && !known->plugin ? nullptr : find_contrib(domain, pending.op_type);
  if (known && contrib) {
    Finding finding = at;
    finding.found = fmt::format("operator '{}' is a loaded plugin's, and one of Sinter's own", known->full_name());
    finding.expected = "one meaning";
    finding.action = "rename the plugin's operator or its domain, or leave the plugin out";
    findings_.add(std::move(finding));
    poison_outputs(proto, scope);
    return;
  }
  if (!good) {
    if (!known && !contrib && !has_adapter(pending.op_type, INT64_MAX)) unknown_operator(at);
    poison_outputs(proto, scope);
    return;
  }
  if (contrib) {
    expand_contrib(*contrib, std::move(pending), graphs, scope, at);
    poison_outputs(proto, scope);
    return;
  }
  const size_t errors_before = findings_.errors();
  AdaptContext context(pending, *this);
  adapting_ = &scope;
  adapting_node_ = &pending;
  Status adapted = domain.empty() ? adapt(context) : ok_status();
  adapting_ = nullptr;
  adapting_node_ = nullptr;
  if (!adapted.ok()) {
    Finding finding = at;
    finding.found = adapted.message();
    finding.code = adapted.code();
    findings_.add(std::move(finding));
    poison_outputs(proto, scope);
    return;
  }
  finish_node(std::move(pending), scope, graphs);
  for (const AdaptContext::Wrapper& wrapper : context.wrappers()) {
    const auto inner = scope.values.find(wrapper.inner);
    if (inner == scope.values.end() || !inner->second || poisoned_.count(inner->second)) continue;
    std::vector<ir::Value*> inputs{inner->second};
    inputs.insert(inputs.end(), wrapper.more_inputs.begin(), wrapper.more_inputs.end());
    adapting_ = &scope;
    ir::Value* value = make_value(wrapper.op_type, at.node + "/" + wrapper.op_type, std::move(inputs),
                                 wrapper.attributes, scope.frame->prefix + wrapper.outer);
    adapting_ = nullptr;
    if (value) define(scope, wrapper.outer, value, at);
  }
  if (findings_.errors() > errors_before) poison_outputs(proto, scope);
}

void Importer::expand_contrib(const ContribOp& op, PendingNode pending, const std::map<std::string, BoundAttribute>& graphs, Scope& scope,
                              const Finding& at) {
  for (const AttrDef& attribute : op.schema.attributes) {
    if (attribute.default_value && !pending.attributes.has(attribute.name)) {
      pending.attributes.set(attribute.name, *attribute.default_value);
    }
  }
  if (!check_node(op.schema, pending, graphs, at, findings_)) return;
  std::vector<std::string> names;
  for (const std::string& output : pending.outputs) names.push_back(full_name(scope, output));
  const size_t errors_before = findings_.errors();
  Expansion expansion(pending, *this, std::move(names));
  adapting_ = &scope;
  adapting_node_ = &pending;
  const Status expanded = op.expand(expansion);
  adapting_ = nullptr;
  adapting_node_ = nullptr;
  if (!expanded.ok()) {
    Finding finding = at;
    finding.found = expanded.message();
    finding.code = expanded.code();
    findings_.add(std::move(finding));
  }
  if (findings_.errors() > errors_before || (expansion.failed() && scope.conditional)) return;
  for (const Expansion::Note& note : expansion.notes()) {
    Finding finding = at;
    finding.warning = true;
    finding.found = note.found;
    finding.expected = note.expected;
    finding.action = note.action;
    findings_.add(std::move(finding));
  }
  for (size_t i = 0; i < pending.outputs.size(); ++i) {
    ir::Value* value = expansion.outputs()[i];
    if (pending.outputs[i].empty()) continue;
    if (!value) {
      Finding finding = at;
      if (expansion.failed()) {
        finding.found = "the types of its inputs are not known";
        finding.expected = "known types";
        finding.action = "export the model with types, or run its shape inference";
        findings_.add(std::move(finding));
        return;
      }
      finding.code = Code::kUnsupported;
      finding.found = fmt::format("output {} ('{}') is used", i, pending.outputs[i]);
      finding.expected = "only the outputs that inference needs";
      finding.action = "export the model for inference";
      findings_.add(std::move(finding));
      continue;
    }
    define(scope, pending.outputs[i], value, at);
    merge_hint(*value, pending.outputs[i], scope);
  }
}

std::string Importer::unique_node_name(const std::string& wanted) {
  std::string name = wanted.empty() ? "node" : wanted;
  for (int i = 1; !node_names_.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
  return name;
}

std::string Importer::full_name(const Scope& scope, const std::string& output) const {
  const auto renamed = scope.frame->renames.find(output);
  const bool is_renamed = !scope.parent && renamed != scope.frame->renames.end();
  return output.empty() ? "" : is_renamed ? renamed->second : scope.frame->prefix + output;
}

ir::Node* Importer::make(const PendingNode& pending, const OpDef* op, Scope& scope) {
  std::vector<std::string> names;
  for (const std::string& output : pending.outputs) {
    names.push_back(full_name(scope, output));
  }
  ir::Node* node = scope.graph->add_node(op, unique_node_name(pending.name), pending.inputs, names, pending.attributes);
  node->source_nodes = {pending.source};
  for (size_t i = 0; i < node->outputs.size(); ++i) {
    if (node->outputs[i]) node->outputs[i]->onnx_names.push_back(names[i]);
  }
  return node;
}

// Operators on maps, which are no values here.
bool Importer::refuse_maps(const Finding& at) {
  if (at.domain != "ai.onnx.ml" || (at.op != "DictVectorizer" && at.op != "CastMap")) return false;
  Finding finding = at;
  finding.code = Code::kUnsupported;
  finding.found = fmt::format("operator '{}' reads a map, which is no value here", at.op);
  finding.expected = "tensors, sequences and optionals";
  finding.action = "take the node out, make a graph input of its output, and give the vector of numbers that it would have made";
  findings_.add(std::move(finding));
  return true;
}

void Importer::unknown_operator(const Finding& at) {
  if (refuse_maps(at)) return;
  constexpr size_t kComparedLength = 64;  // longer names are no operator's
  const OpDef* nearest = nullptr;
  size_t best = SIZE_MAX;
  const auto compare = [&](const OpDef* op) {
    const size_t distance =
        2 * edit_distance(op->name, std::string_view(at.op).substr(0, kComparedLength)) + (op->domain != at.domain);
    if (distance >= best) return;
    best = distance;
    nearest = op;
  };
  for (const OpDef* op : all_ops()) {
    if (op->domain != "sinter") compare(op);
  }
  for (const auto& [name, op] : contrib_ops()) compare(&op.schema);
  Finding finding = at;
  finding.code = Code::kUnsupported;
  finding.found =
      fmt::format("operator '{}' of domain '{}' is not supported", at.op, at.domain.empty() ? "ai.onnx" : at.domain);
  if (nearest) finding.expected = fmt::format("a supported operator; the nearest is '{}'", nearest->full_name());
  finding.action =
      "in this order: simplify the model (constant folding may remove the node); export with another opset; replace "
      "the node by graph surgery; give a plugin that has it (--plugins=F.so)";
  findings_.add(std::move(finding));
}

void Importer::finish_node(PendingNode pending, Scope& scope, const std::map<std::string, BoundAttribute>& graphs) {
  Finding at;
  at.node = pending.source;
  at.op = pending.op_type;
  at.domain = pending.domain;
  at.opset = pending.opset;
  const OpDef* op = find_op(pending.domain, pending.op_type);
  if (!op) {
    unknown_operator(at);
    return;
  }
  for (const AttrDef& attribute : op->attributes) {
    if (attribute.default_value && !pending.attributes.has(attribute.name)) {
      pending.attributes.set(attribute.name, *attribute.default_value);
    }
  }
  if (!check_node(*op, pending, graphs, at, findings_)) return;
  ir::Node* node = make(pending, op, scope);
  const size_t errors_before = findings_.errors();
  bool body_poisoned = false;
  for (const auto& [name, bound] : graphs) {
    ir::Graph* body = scope.graph->add_subgraph(node, name);
    body->name = bound.proto->g().name();
    Scope inner;
    inner.parent = bound.scope;
    inner.graph = body;
    inner.frame = bound.frame;
    inner.conditional = scope.conditional || (op->name == "If" && op->domain.empty());
    import_graph(*bound.proto->mutable_g(), inner, false);
    for (const auto& [value_name, value] : inner.values) body_poisoned = body_poisoned || poisoned_.count(value);
  }
  // Adapters in the body went by the declared types of its inputs; what they really are is for the operator's rule to
  // say.
  for (const auto& [name, body] : node->subgraphs) {
    for (ir::Value* input : body->inputs) input->type.shape.reset();
  }
  if (findings_.errors() == errors_before && !body_poisoned) {
    const Status inferred = ir::infer_node(*node);
    if (!inferred.ok() && !scope.conditional) {
      at.found = inferred.message();
      at.code = inferred.code() == Code::kOk ? Code::kInvalidModel : inferred.code();
      findings_.add(at);
    }
  }
  const bool poisoned = findings_.errors() > errors_before || body_poisoned;
  for (size_t i = 0; i < node->outputs.size(); ++i) {
    if (!node->outputs[i]) continue;
    if (poisoned) poisoned_.insert(node->outputs[i]);
    define(scope, pending.outputs[i], node->outputs[i], at);
    if (!poisoned) merge_hint(*node->outputs[i], pending.outputs[i], scope);
  }
}

void Importer::merge_hint(ir::Value& value, const std::string& name, Scope& scope) {
  const auto hint = scope.hints.find(name);
  if (hint == scope.hints.end() || poisoned_.count(&value)) return;
  const Result<ValueType> declared = to_type(*hint->second, value.name, dims_);
  if (!declared.ok() || declared->kind == ValueType::Kind::kUnknown) return;
  if (value.type.kind == ValueType::Kind::kUnknown) {
    value.type = value.declared = *declared;
    return;
  }
  const auto disagree = [&] {
    findings_.warning(fmt::format("value '{}' is declared as {}", name, declared->to_string()),
                      fmt::format("{}, which its operator makes", value.type.to_string()),
                      "the declaration is ignored");
  };
  if (!declared->is_tensor() || !value.type.is_tensor()) {
    if (declared->kind != value.type.kind) disagree();
    return;
  }
  if (declared->dtype != DType::kUndefined && declared->dtype != value.type.dtype) return disagree();
  if (!declared->shape) return;
  if (!value.type.shape) {
    value.type.shape = declared->shape;
    value.declared = value.type;
    return;
  }
  bool same = declared->shape->size() == value.type.shape->size();
  for (size_t axis = 0; same && axis < declared->shape->size(); ++axis) {
    const Dim& a = (*declared->shape)[axis];
    const Dim& b = (*value.type.shape)[axis];
    same = !a.is_constant() || !b.is_constant() || a == b;
  }
  if (!same) disagree();
}

ir::Value* Importer::make_constant(const std::string& name, Tensor tensor) {
  return adapting_->graph->add_constant(adapting_->graph->unique_name(name), std::move(tensor));
}

ir::Node* Importer::make_node(const std::string& op_type, const std::string& name, std::vector<ir::Value*> inputs,
                              Attributes attributes, const std::vector<std::string>& outputs) {
  Finding at;
  at.node = adapting_node_ ? adapting_node_->source : name;
  at.op = adapting_node_ ? adapting_node_->op_type : op_type;
  at.domain = adapting_node_ ? adapting_node_->domain : "";
  constexpr std::string_view kOwn = "sinter.";
  const OpDef* op = op_type.starts_with(kOwn) ? find_op("sinter", op_type.substr(kOwn.size())) : find_op("", op_type);
  if (!op) {
    at.op = op_type;
    unknown_operator(at);
    return nullptr;
  }
  for (const AttrDef& attribute : op->attributes) {
    if (attribute.default_value && !attributes.has(attribute.name))
      attributes.set(attribute.name, *attribute.default_value);
  }
  ir::Node* node =
      adapting_->graph->add_node(op, unique_node_name(name), std::move(inputs), outputs, std::move(attributes));
  node->source_nodes = {at.node};
  for (size_t i = 0; i < node->outputs.size(); ++i) {
    if (node->outputs[i]) node->outputs[i]->onnx_names.push_back(outputs[i]);
  }
  const Status inferred = ir::infer_node(*node);
  if (!inferred.ok() && !adapting_->conditional) {
    at.found = inferred.message();
    at.code = inferred.code();
    findings_.add(std::move(at));
  }
  return node;
}

Result<Tensor> Importer::constant_tensor(NodeProto& proto, Scope& scope) {
  Attributes attributes;
  std::map<std::string, BoundAttribute> graphs;
  if (!read_attributes(proto, scope, attributes, graphs)) return Status(Code::kInvalidModel, "");  // reported already
  if (attributes.size() != 1) {
    return make_error(Code::kInvalidModel,
                      "found {} values; expected exactly one of value, sparse_value, value_int, value_ints, "
                      "value_float, value_floats, value_string, value_strings",
                      attributes.size());
  }
  const AttrValue& value = attributes.begin()->second;
  if (const auto* tensor = std::get_if<Tensor>(&value)) return *tensor;
  if (const auto* number = std::get_if<int64_t>(&value)) return Tensor::scalar(DType::kI64, *number);
  if (const auto* number = std::get_if<float>(&value)) return Tensor::scalar(DType::kF32, *number);
  if (const auto* list = std::get_if<std::vector<int64_t>>(&value)) return Tensor::from_i64(*list);
  if (const auto* list = std::get_if<std::vector<float>>(&value)) {
    return Tensor::from_f32(*list, {static_cast<int64_t>(list->size())});
  }
  if (const auto* text = std::get_if<std::string>(&value)) return Tensor::scalar(DType::kString, *text);
  if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
    Tensor tensor(DType::kString, {static_cast<int64_t>(list->size())});
    for (size_t i = 0; i < list->size(); ++i) tensor.data<std::string>()[i] = (*list)[i];
    return tensor;
  }
  return make_error(Code::kInvalidModel, "the value is a {}; expected a tensor, number or text", "type");
}

void Importer::import_constant(NodeProto& proto, Scope& scope) {
  const Finding at = where(proto, scope);
  Result<Tensor> made = constant_tensor(proto, scope);
  if (!made.ok() || proto.output_size() != 1 || proto.input_size() != 0) {
    if (made.ok() || !made.status().message().empty()) {
      Finding finding = at;
      finding.found = made.ok() ? fmt::format("{} inputs and {} outputs", proto.input_size(), proto.output_size())
                                : made.status().message();
      if (made.ok()) finding.expected = "no input and one output";
      finding.action = "export the model again";
      findings_.add(std::move(finding));
    }
    poison_outputs(proto, scope);
    return;
  }
  const std::string& name = proto.output(0);
  if (name.empty()) return;
  const std::string full = full_name(scope, name);
  if (scope.values.count(name)) {
    define(scope, name, nullptr, at);
    return;
  }
  ir::Value* value = scope.graph->add_constant(full, std::move(made).value());
  value->onnx_names.push_back(full);
  define(scope, name, value, at);
}

}  // namespace sinter::onnx
