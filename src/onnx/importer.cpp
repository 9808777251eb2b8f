#include "onnx/importer.h"

#include <algorithm>

#include "onnx/dynamic_batch.h"
#include "onnx/tensor_proto.h"
#include "onnx/type_proto.h"

namespace sinter::onnx {
Importer::Importer(ModelFile& file, const ImportOptions& options, Findings& findings)
    : file_(file), options_(options), findings_(findings), dims_(options.dims) {}

ir::Model Importer::run() {
  ModelProto& proto = *file_.proto;
  model_.graph = std::make_unique<ir::Graph>();
  model_.file = file_.label;
  model_.producer_name = proto.producer_name();
  model_.producer_version = proto.producer_version();
  model_.ir_version = proto.ir_version();
  model_.domain = proto.domain();
  model_.doc = proto.doc_string();
  model_.model_version = proto.model_version();
  model_.graph_doc = proto.graph().doc_string();
  for (const StringStringEntryProto& entry : proto.metadata_props()) model_.metadata[entry.key()] = entry.value();
  if (proto.ir_version() < kOldestIrVersion) {
    findings_.error(fmt::format("IR version {}", proto.ir_version()), fmt::format("{} or newer", kOldestIrVersion),
                    "export the model again, or convert it with the onnx package's version converter",
                    Code::kUnsupported);
  } else if (proto.ir_version() > kNewestIrVersion) {
    findings_.warning(fmt::format("IR version {}", proto.ir_version()), fmt::format("at most {}", kNewestIrVersion),
                      "the file is read as that version");
  }
  read_opsets(proto.opset_import(), frame_.opsets, "the model");
  model_.opsets = frame_.opsets;
  read_functions();
  count_operators(proto.graph(), model_.operator_histogram);
  bind_shapes(proto.graph());
  Scope scope;
  scope.graph = model_.graph.get();
  scope.frame = &frame_;
  model_.graph->name = proto.graph().name();
  import_graph(*proto.mutable_graph(), scope, true);
  model_.content_hash = content_hash(file_);
  return std::move(model_);
}

void Importer::read_opsets(const google::protobuf::RepeatedPtrField<OperatorSetIdProto>& list,
                           std::map<std::string, int64_t>& opsets, const std::string& where) {
  for (const OperatorSetIdProto& entry : list) {
    const std::string domain = normal_domain(entry.domain());
    const auto [known, is_new] = opsets.emplace(domain, entry.version());
    if (!is_new && known->second != entry.version()) {
      findings_.error(fmt::format("{} imports domain '{}' twice, with opsets {} and {}", where, domain, known->second,
                                  entry.version()),
                      "one version a domain", "export the model again");
    }
    if (entry.version() < 1) {
      findings_.error(fmt::format("{} imports opset {} of domain '{}'", where, entry.version(), domain), "1 or newer",
                      "export the model again");
    } else if (domain.empty() && entry.version() > kNewestOpset) {
      findings_.warning(fmt::format("{} imports opset {}", where, entry.version()),
                        fmt::format("at most {}", kNewestOpset), "operators are read at the newest known meaning");
    }
  }
}

void Importer::read_functions() {
  for (FunctionProto& function : *file_.proto->mutable_functions()) {
    const std::string domain = normal_domain(function.domain());
    if (!functions_.emplace(fmt::format("{}:{}:{}", domain, function.name(), function.overload()), &function).second) {
      findings_.error(fmt::format("function '{}' of domain '{}' is defined twice", function.name(), domain),
                      "unique names", "rename one of them");
    }
  }
}

void Importer::count_operators(const GraphProto& graph, std::map<std::string, int64_t>& histogram) {
  for (const NodeProto& node : graph.node()) {
    const std::string domain = normal_domain(node.domain());
    ++histogram[domain.empty() ? node.op_type() : domain + "." + node.op_type()];
    for (const AttributeProto& attribute : node.attribute()) {
      if (attribute.has_g()) count_operators(attribute.g(), histogram);
      for (const GraphProto& body : attribute.graphs()) count_operators(body, histogram);
    }
  }
}

// Given shapes decide what the file's symbols are: other inputs that share one get the same value.
void Importer::bind_shapes(const GraphProto& graph) {
  for (const auto& [name, shape] : options_.shapes) {
    const ValueInfoProto* input = nullptr;
    std::string names;
    for (const ValueInfoProto& candidate : graph.input()) {
      if (candidate.name() == name) input = &candidate;
      names += (names.empty() ? "'" : ", '") + candidate.name() + "'";
    }
    if (!input) {
      findings_.error(fmt::format("a shape was given for input '{}', which the model does not have", name),
                      "one of " + names, "correct the name", Code::kInvalidArgument);
      continue;
    }
    const Result<ValueType> type = to_type(input->type(), name, {});
    if (!type.ok() || !type->shape) continue;
    if (type->shape->size() != shape.size()) {
      findings_.error(
          fmt::format("input '{}': the given shape {} has rank {}", name, sinter::to_string(shape), shape.size()),
          fmt::format("rank {} as in {}", type->shape->size(), sinter::to_string(*type->shape)), "correct the shape",
          Code::kInvalidArgument);
      continue;
    }
    for (size_t axis = 0; axis < shape.size(); ++axis) {
      const std::string symbol((*type->shape)[axis].symbol_name());
      if (symbol.empty() || !shape[axis].is_constant()) continue;
      const auto [known, is_new] = dims_.emplace(symbol, shape[axis].value());
      if (!is_new && known->second != shape[axis].value()) {
        findings_.error(fmt::format("input '{}': axis {} is given as {}", name, axis, shape[axis].value()),
                        fmt::format("{}, the value of '{}' elsewhere", known->second, symbol), "correct the shape",
                        Code::kInvalidArgument);
      }
    }
  }
}

ValueType Importer::input_type(const ValueInfoProto& input) {
  Result<ValueType> type = to_type(input.type(), input.name(), dims_);
  if (!type.ok()) {
    findings_.error(fmt::format("input '{}': {}", input.name(), type.status().message()), "", "", type.status().code());
    return {};
  }
  if (const auto given = options_.shapes.find(input.name()); given != options_.shapes.end()) {
    if (!type->is_tensor()) {
      findings_.error(fmt::format("a shape was given for input '{}', which is a {}", input.name(), type->to_string()),
                      "a tensor", "drop the shape", Code::kInvalidArgument);
    } else {
      type->shape = given->second;
    }
  }
  return std::move(type).value();
}

bool Importer::define(Scope& scope, const std::string& name, ir::Value* value, const Finding& where) {
  if (scope.values.emplace(name, value).second) return true;
  Finding finding = where;
  finding.found = fmt::format("value '{}' is defined a second time", name);
  finding.expected = "each name defined once in its graph";
  finding.action = "rename one of them";
  findings_.add(std::move(finding));
  return false;
}

void Importer::import_graph(GraphProto& graph, Scope& scope, bool top) {
  NameSet initializers, used;
  for (const TensorProto& initializer : graph.initializer()) initializers.insert(initializer.name());
  for (const SparseTensorProto& initializer : graph.sparse_initializer())
    initializers.insert(initializer.values().name());
  for (const NodeProto& node : graph.node()) collect_uses(node, used);
  for (const ValueInfoProto& output : graph.output()) used.insert(output.name());
  for (const ValueInfoProto& info : graph.value_info()) scope.hints[info.name()] = &info.type();
  for (const ValueInfoProto& output : graph.output()) scope.hints.emplace(output.name(), &output.type());
  import_inputs(graph, scope, top, initializers);
  import_initializers(graph, scope, used);
  import_nodes(*graph.mutable_node(), scope);
  import_outputs(graph, scope, top);
}

void Importer::import_inputs(GraphProto& graph, Scope& scope, bool top, const NameSet& initializers) {
  for (const ValueInfoProto& input : graph.input()) {
    if (initializers.count(input.name())) continue;  // IR 3 lists every initializer as an input: a constant for us
    if (input.name().empty()) {
      findings_.error("a graph input has no name", "a name", "export the model again");
      continue;
    }
    ValueType type = top ? input_type(input) : ValueType();
    if (!top) {
      Result<ValueType> declared = to_type(input.type(), input.name(), dims_);
      if (declared.ok()) type = std::move(declared).value();
    }
    if (top && type.kind == ValueType::Kind::kUnknown && !findings_.failed()) {
      findings_.error(fmt::format("input '{}' has no type", input.name()), "an element type and a shape",
                      "export the model again");
    }
    ir::Value* value = scope.graph->add_input(scope.frame->prefix + input.name(), std::move(type));
    value->onnx_names.push_back(scope.frame->prefix + input.name());
    define(scope, input.name(), value, {});
  }
}

Result<Tensor> Importer::tensor(TensorProto& proto) {
  if (const auto known = tensors_.find(&proto); known != tensors_.end()) return known->second;
  SINTER_ASSIGN(Tensor made, to_tensor(proto, file_.external.get()));
  tensors_[&proto] = made;
  return made;
}

void Importer::import_initializers(GraphProto& graph, Scope& scope, const NameSet& used) {
  const auto add = [&](const std::string& name, const Result<Tensor>& made) {
    if (!made.ok()) {
      findings_.error(fmt::format("initializer '{}': {}", name, made.status().message()), "", "", made.status().code());
      ir::Value* value = scope.graph->add_value(scope.frame->prefix + name);
      poisoned_.insert(value);
      define(scope, name, value, {});
      return;
    }
    if (!used.count(name)) return;
    ir::Value* value = scope.graph->add_constant(scope.frame->prefix + name, made.value());
    value->onnx_names.push_back(scope.frame->prefix + name);
    define(scope, name, value, {});
  };
  for (TensorProto& initializer : *graph.mutable_initializer()) {
    if (initializer.name().empty()) {
      findings_.error("an initializer has no name", "a name", "export the model again");
      continue;
    }
    add(initializer.name(), tensor(initializer));
  }
  for (SparseTensorProto& initializer : *graph.mutable_sparse_initializer()) {
    add(initializer.values().name(), to_tensor(initializer, file_.external.get()));
  }
}

void Importer::import_nodes(NodeList& nodes, Scope& scope) {
  const NodeOrder order = order_nodes(nodes);
  if (!order.sorted && order.cycles.empty()) {
    findings_.warning(fmt::format("the nodes of graph '{}' are not in topological order", scope.graph->name),
                      "producers first", "they were sorted");
  }
  for (const std::vector<int>& cycle : order.cycles) {
    std::string names;
    for (const int node : cycle) {
      names += fmt::format("'{}' ({}) → ", nodes[node].name(), nodes[node].op_type());
      if (names.size() > 400) break;
    }
    Finding finding = where(nodes[cycle.front()], scope);
    finding.found = fmt::format("a cycle: {}'{}'", names, nodes[cycle.front()].name());
    finding.expected = "a graph without cycles";
    finding.action = "export the model again; recurrences are written with Loop or Scan";
    findings_.add(std::move(finding));
  }
  if (!order.cycles.empty()) {
    // What the cycle would have made is known by name, so that its users are not reported too.
    std::vector<bool> imported(static_cast<size_t>(nodes.size()), false);
    for (const int node : order.order) imported[static_cast<size_t>(node)] = true;
    for (int i = 0; i < nodes.size(); ++i) {
      if (!imported[static_cast<size_t>(i)]) poison_outputs(nodes[i], scope);
    }
  }
  for (const int node : order.order) import_node(nodes[node], scope);
}

void Importer::import_outputs(GraphProto& graph, Scope& scope, bool top) {
  for (const ValueInfoProto& output : graph.output()) {
    bool known = false;
    ir::Value* value = lookup(scope, output.name(), known);
    if (!value) {
      findings_.error(fmt::format("graph output '{}' is {}", output.name(),
                                  known ? "an optional value that is absent" : "not defined"),
                      "the name of an input, an initializer or a node's output", "export the model again");
      continue;
    }
    // Callers bind outputs by name, so that each has to be a value of its own.
    if (top && value->name != output.name() && !poisoned_.count(value)) {
      Scope* const saved = adapting_;
      adapting_ = &scope;
      ir::Value* copy = make_value("Identity", output.name() + "/output", {value}, {}, output.name());
      adapting_ = saved;
      if (copy) value = copy;
    }
    merge_hint(*value, output.name(), scope);
    scope.graph->outputs.push_back(value);
  }
  if (top && graph.output_size() == 0) {
    findings_.error("the graph has no output", "at least one", "export the model again");
  }
}

namespace {

// A shape without a name is for the only input there is.
void name_shape(const GraphProto& graph, ImportOptions& options) {
  NameSet initializers;
  for (const TensorProto& initializer : graph.initializer()) initializers.insert(initializer.name());
  std::vector<std::string> names;
  for (const ValueInfoProto& input : graph.input()) {
    if (!initializers.count(input.name())) names.push_back(input.name());
  }
  if (names.size() != 1) return;
  auto unnamed = options.shapes.extract("");
  if (unnamed.empty()) return;
  unnamed.key() = names.front();
  options.shapes.insert(std::move(unnamed));
}

// The shapes to import with when the batch is to be dynamic: one sample; `size` is the number asked for, if any.
Status take_batch_size(const GraphProto& graph, ImportOptions& options, std::optional<int64_t>& size) {
  for (auto& [name, shape] : options.shapes) {
    if (shape.empty() || !shape.front().is_constant()) continue;
    const int64_t given = shape.front().value();
    if (size && *size != given) {
      return make_error(Code::kInvalidArgument, "input '{}': found a batch of {}, expected {} as for another input; give one number of samples", name, given,
                        *size);
    }
    size = given;
    for (const ValueInfoProto& input : graph.input()) {
      if (input.name() != name) continue;
      const Result<ValueType> type = to_type(input.type(), name, {});
      const bool fixed = type.ok() && type->shape && !type->shape->empty() && type->shape->front().is(1);
      if (fixed) shape.front() = 1;
    }
  }
  return ok_status();
}

Result<ir::Model> import_file(Result<ModelFile> file, const ImportOptions& given) {
  if (!file.ok()) return std::move(file).status();
  ImportOptions options = given;
  name_shape(file->proto->graph(), options);
  std::optional<int64_t> batch_size;
  if (options.dynamic_batch) SINTER_TRY(take_batch_size(file->proto->graph(), options, batch_size));
  Findings findings(file->label);
  Importer importer(*file, options, findings);
  ir::Model model = importer.run();
  if (options.warn) {
    for (const Finding& finding : findings.list()) {
      if (finding.warning) options.warn(finding);
    }
  }
  SINTER_TRY(findings.status());
  Status verified = ir::verify(*model.graph);
  if (!verified.ok()) return std::move(verified).with(fmt::format("while importing '{}'", file->label));
  if (options.dynamic_batch) {
    SINTER_TRY(make_batch_dynamic(*model.graph, file->label, batch_size));
    SINTER_TRY(ir::verify(*model.graph).with(fmt::format("while giving '{}' a dynamic batch: this is a bug in Sinter", file->label)));
  }
  return model;
}

std::vector<Finding> check_file(Result<ModelFile> file, const ImportOptions& options) {
  Findings findings(file.ok() ? file->label : "");  // reading errors name the file themselves
  if (!file.ok()) {
    findings.error(file.status().message(), "", "", file.status().code());
    return findings.take();
  }
  Importer importer(*file, options, findings);
  const ir::Model model = importer.run();
  if (!findings.failed()) {
    const Status verified = ir::verify(*model.graph);
    if (!verified.ok())
      findings.error(verified.message(), "", "this is a bug: report it with the model", Code::kInternal);
  }
  return findings.take();
}

}  // namespace

Result<ir::Model> import_model(const std::string& path, const ImportOptions& options) {
  try {
    return import_file(read_model(path), options);
  } catch (const std::bad_alloc&) {
    return make_error(Code::kOutOfMemory, "{}: the model does not fit into memory; free some or use a larger machine",
                      path);
  }
}

Result<ir::Model> import_bytes(std::string_view bytes, const std::string& label, const std::string& folder,
                               const ImportOptions& options) {
  try {
    return import_file(parse_model(bytes, label, folder), options);
  } catch (const std::bad_alloc&) {
    return make_error(Code::kOutOfMemory, "{}: the model does not fit into memory; free some or use a larger machine",
                      label);
  }
}

std::vector<Finding> check_model(const std::string& path, const ImportOptions& options) {
  try {
    return check_file(read_model(path), options);
  } catch (const std::bad_alloc&) {
    Findings findings(path);
    findings.error("the model does not fit into memory", "", "free some or use a larger machine", Code::kOutOfMemory);
    return findings.take();
  }
}

std::vector<Finding> check_bytes(std::string_view bytes, const std::string& label, const std::string& folder,
                                 const ImportOptions& options) {
  try {
    return check_file(parse_model(bytes, label, folder), options);
  } catch (const std::bad_alloc&) {
    Findings findings(label);
    findings.error("the model does not fit into memory", "", "free some or use a larger machine", Code::kOutOfMemory);
    return findings.take();
  }
}

}  // namespace sinter::onnx
