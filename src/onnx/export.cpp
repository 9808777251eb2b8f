#include "onnx/export.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>

#include "base/files.h"
#include "base/version.h"
#include "onnx/tensor_proto.h"
#include "onnx/type_proto.h"
#include "onnx/wire.h"
#include "onnx/written_node.h"

namespace sinter::onnx {
namespace {

constexpr int64_t kUsualOpset = 17;
constexpr int64_t kLargestMessage = INT32_MAX;        // protobuf's limit
constexpr int64_t kRoomForTheRest = int64_t{64} << 20;  // of a message that holds weights too
constexpr int64_t kPage = 4096;                       // alignment of large tensors in the weights' file
constexpr int64_t kElementAlignment = 64;

// The IR version that came with an opset.
int64_t ir_version_of(int64_t opset) {
  constexpr std::pair<int64_t, int64_t> kVersions[] = {{26, 14}, {24, 13}, {23, 12}, {22, 11}, {20, 10}, {18, 9}, {14, 8}, {11, 7}, {10, 6}, {9, 5}};
  for (const auto& [above, version] : kVersions) {
    if (opset > above) return version;
  }
  return 4;  // constants need not be inputs too
}

std::string entry_file(const std::string& path) { return std::filesystem::path(path).filename().string(); }

class Exporter {
 public:
  Exporter(const ir::Model& model, const ExportOptions& options) : model_(model), options_(options) {}

  Result<int64_t> opset() {
    opset_ = options_.opset;
    const auto own = model_.opsets.find("");
    if (opset_ == 0) opset_ = own != model_.opsets.end() ? std::min(own->second, kNewestOpset) : kUsualOpset;
    if (opset_ < 7 || opset_ > kNewestOpset) {
      if (options_.opset != 0) {
        return make_error(Code::kInvalidArgument, "found opset {} to write, expected 7 to {}; ask for one of these", options_.opset, kNewestOpset);
      }
      opset_ = 7;
    }
    SINTER_TRY(raise_opset(*model_.graph));
    return opset_;
  }

  // external: where tensors go that are not kept in the message; null: all are kept.
  Result<ModelProto> write(AtomicFile* external, const std::string& external_name) {
    external_ = external;
    external_name_ = external_name;
    ModelProto proto;
    SINTER_TRY(write_graph(*model_.graph, *proto.mutable_graph()));
    proto.set_ir_version(std::max(std::min(model_.ir_version, kNewestIrVersion), ir_version_of(opset_)));
    proto.set_producer_name(model_.producer_name.empty() ? "sinter" : model_.producer_name);
    const std::string version = model_.producer_name.empty() ? std::string(sinter::version()) : model_.producer_version;
    if (!version.empty()) proto.set_producer_version(version);
    if (!model_.domain.empty()) proto.set_domain(model_.domain);
    if (model_.model_version != 0) proto.set_model_version(model_.model_version);
    if (!model_.doc.empty()) proto.set_doc_string(model_.doc);
    if (!model_.graph_doc.empty()) proto.mutable_graph()->set_doc_string(model_.graph_doc);
    domains_[""] = opset_;
    for (const auto& [domain, number] : domains_) {
      OperatorSetIdProto* entry = proto.add_opset_import();
      entry->set_domain(domain);
      entry->set_version(number);
    }
    for (const auto& [key, value] : model_.metadata) {
      StringStringEntryProto* entry = proto.add_metadata_props();
      entry->set_key(key);
      entry->set_value(value);
    }
    return proto;
  }

 private:
  Status raise_opset(const ir::Graph& graph) {
    for (const auto& node : graph.nodes()) {
      for (const auto& [name, body] : node->subgraphs) SINTER_TRY(raise_opset(*body));
      if (node->op->domain == "sinter") {
        return make_error(Code::kUnsupported, "node '{}': found the internal operator '{}', expected operators of ONNX; write the graph before it is fused",
                          node->name, node->op->full_name());
      }
      if (!node->op->domain.empty()) {
        const auto own = model_.opsets.find(node->op->domain);
        int64_t& number = domains_[node->op->domain];
        number = std::max({number, int64_t{node->op->since}, own != model_.opsets.end() ? own->second : 1});
        continue;
      }
      const int64_t needed = needed_opset(*node, opset_);
      if (needed == 0) {
        return make_error(Code::kUnsupported, "node '{}' ({}): no opset from {} to {} has the operator with these attributes and types; change the types of its inputs",
                          node->name, node->op->full_name(), opset_, kNewestOpset);
      }
      opset_ = std::max(opset_, needed);
    }
    return ok_status();
  }

  Status write_graph(const ir::Graph& graph, GraphProto& proto) {
    proto.set_name(graph.name.empty() ? "graph" : graph.name);
    for (const auto& node : graph.nodes()) SINTER_TRY(write_node_of(*node, proto));
    for (const ir::Value* input : graph.inputs) *proto.add_input() = value_info(*input, input->name);
    SINTER_TRY(write_outputs(graph, proto));
    for (const auto& [id, value] : graph.values()) {
      if (value->is_constant() && used_.count(value.get())) SINTER_TRY(write_constant(value->constant, value->name, proto));
    }
    if (!options_.value_types) return ok_status();
    for (const auto& node : graph.nodes()) {
      for (const ir::Value* output : node->outputs) {
        if (output && !graph.is_output(output) && has_type(output->type)) *proto.add_value_info() = value_info(*output, output->name);
      }
    }
    return ok_status();
  }

  // Each output is a value of its own name; that of a body is made by one of its nodes.
  Status write_outputs(const ir::Graph& graph, GraphProto& proto) {
    std::unordered_set<const ir::Value*> seen;
    for (const ir::Value* output : graph.outputs) {
      std::string name = output->name;
      const ir::Value* source = use(output);
      if (!seen.insert(output).second || (graph.parent() && !output->producer)) {
        name = graph.unique_name(output->name + "_output");
        while (!made_names_.insert(name).second) name += "_";
        NodeProto* copy = proto.add_node();
        copy->set_op_type("Identity");
        copy->set_name(name);
        copy->add_input(source->name);
        copy->add_output(name);
      }
      *proto.add_output() = value_info(*output, name);
    }
    return ok_status();
  }

  static bool has_type(const ValueType& type) {
    return type.kind != ValueType::Kind::kUnknown && !(type.is_tensor() && type.dtype == DType::kUndefined) && (type.is_tensor() || type.element);
  }

  static ValueInfoProto value_info(const ir::Value& value, const std::string& name) {
    ValueInfoProto proto;
    proto.set_name(name);
    const ValueType& type = value.type;
    if (type.kind != ValueType::Kind::kUnknown) *proto.mutable_type() = from_type(type);
    return proto;
  }

  // The value as the file names it: what is captured by the name it has outside, and an outer constant that a body holds too (the importer's
  // way of capturing one) once only.
  const ir::Value* use(const ir::Value* value) {
    while (value->captured) value = value->captured;
    if (value->is_constant() && value->constant.count() > 1) {
      for (const ir::Graph* graph = value->graph->parent(); graph; graph = graph->parent()) {
        const auto outer = constants_of(*graph).find(value->constant.raw());
        if (outer != constants_of(*graph).end() && outer->second->constant.type() == value->constant.type()) value = outer->second;
      }
    }
    used_.insert(value);
    return value;
  }

  const std::unordered_map<const void*, const ir::Value*>& constants_of(const ir::Graph& graph) {
    const auto [made, is_new] = constants_.try_emplace(&graph);
    if (is_new) {
      for (const auto& [id, value] : graph.values()) {
        if (value->is_constant()) made->second.emplace(value->constant.raw(), value.get());
      }
    }
    return made->second;
  }

  Status write_node_of(const ir::Node& node, GraphProto& graph) {
    const std::optional<WrittenNode> written = write_node(node, node.op->domain.empty() ? opset_ : domains_[node.op->domain]);
    if (!written) return make_error(Code::kInternal, "node '{}' ({}) cannot be written in opset {}", node.name, node.op->full_name(), opset_);
    NodeProto proto;
    proto.set_op_type(written->op_type);
    proto.set_name(node.name);
    if (!node.op->domain.empty()) proto.set_domain(node.op->domain);
    for (size_t i = 0; i < written->inputs.size(); ++i) {
      const WrittenNode::Input& input = written->inputs[i];
      if (input.value || !input.constant.defined()) {
        proto.add_input(input.value ? use(input.value)->name : "");
        continue;
      }
      if (const ir::Value* equal = find_equal(*node.graph, input.constant)) {
        proto.add_input(use(equal)->name);
        continue;
      }
      std::string name = node.graph->unique_name(fmt::format("{}/input_{}", node.name, i));
      while (!made_names_.insert(name).second) name += "_";
      SINTER_TRY(write_constant(input.constant, name, graph));
      proto.add_input(name);
    }
    for (size_t i = 0; i < written->outputs; ++i) proto.add_output(node.outputs[i] ? node.outputs[i]->name : "");
    for (const auto& [name, value] : written->attributes) *proto.add_attribute() = attribute(name, value);
    for (const auto& [name, body] : node.subgraphs) {
      AttributeProto* made = proto.add_attribute();
      made->set_name(name);
      made->set_type(kAttrGraph);
      SINTER_TRY(write_graph(*body, *made->mutable_g()));
    }
    *graph.add_node() = std::move(proto);
    return ok_status();
  }

  // The empty tensor that the file had for the same purpose stays in the graph, although nobody reads it.
  static const ir::Value* find_equal(const ir::Graph& graph, const Tensor& tensor) {
    for (const auto& [id, value] : graph.values()) {
      if (value->is_constant() && value->constant.identical(tensor)) return value.get();
    }
    return nullptr;
  }

  static AttributeProto attribute(const std::string& name, const AttrValue& value) {
    AttributeProto proto;
    proto.set_name(name);
    if (const auto* i = std::get_if<int64_t>(&value)) {
      proto.set_type(kAttrInt);
      proto.set_i(*i);
    } else if (const auto* f = std::get_if<float>(&value)) {
      proto.set_type(kAttrFloat);
      proto.set_f(*f);
    } else if (const auto* s = std::get_if<std::string>(&value)) {
      proto.set_type(kAttrString);
      proto.set_s(*s);
    } else if (const auto* ints = std::get_if<std::vector<int64_t>>(&value)) {
      proto.set_type(kAttrInts);
      proto.mutable_ints()->Add(ints->begin(), ints->end());
    } else if (const auto* floats = std::get_if<std::vector<float>>(&value)) {
      proto.set_type(kAttrFloats);
      proto.mutable_floats()->Add(floats->begin(), floats->end());
    } else if (const auto* strings = std::get_if<std::vector<std::string>>(&value)) {
      proto.set_type(kAttrStrings);
      for (const std::string& text : *strings) proto.add_strings(text);
    } else if (const auto* tensor = std::get_if<Tensor>(&value)) {
      proto.set_type(kAttrTensor);
      *proto.mutable_t() = from_tensor(*tensor);
    } else {
      proto.set_type(kAttrTypeProto);
      *proto.mutable_tp() = from_type(std::get<ValueType>(value));
    }
    return proto;
  }

  Status write_constant(const Tensor& tensor, const std::string& name, GraphProto& graph) {
    const bool outside = external_ && tensor.dtype() != DType::kString && tensor.bytes() >= options_.external_from;
    if (!outside) {
      *graph.add_initializer() = from_tensor(tensor, name);
      return ok_status();
    }
    const int64_t alignment = tensor.bytes() >= kPage ? kPage : kElementAlignment;
    const auto end = static_cast<int64_t>(external_->size());
    const std::string padding(static_cast<size_t>((alignment - end % alignment) % alignment), '\0');
    SINTER_TRY(external_->write(padding.data(), padding.size()));
    TensorProto* proto = graph.add_initializer();
    proto->set_name(name);
    proto->set_data_type(static_cast<int>(tensor.dtype()));
    for (const int64_t dim : tensor.dims()) proto->add_dims(dim);
    proto->set_data_location(kLocationExternal);
    const std::pair<const char*, std::string> entries[] = {
        {"location", external_name_}, {"offset", std::to_string(external_->size())}, {"length", std::to_string(tensor.bytes())}};
    for (const auto& [key, value] : entries) {
      StringStringEntryProto* entry = proto->add_external_data();
      entry->set_key(key);
      entry->set_value(value);
    }
    return external_->write(tensor.raw(), static_cast<size_t>(tensor.bytes()));
  }

  const ir::Model& model_;
  const ExportOptions& options_;
  int64_t opset_ = 0;
  std::map<std::string, int64_t> domains_;
  std::unordered_set<const ir::Value*> used_;
  std::unordered_set<std::string> made_names_;
  std::unordered_map<const ir::Graph*, std::unordered_map<const void*, const ir::Value*>> constants_;  // by their bytes
  AtomicFile* external_ = nullptr;
  std::string external_name_;
};

int64_t constant_bytes(const ir::Graph& graph) {
  int64_t bytes = 0;
  for (const auto& [id, value] : graph.values()) {
    if (value->is_constant()) bytes += value->constant.bytes() + 64;
  }
  for (const auto& node : graph.nodes()) {
    for (const auto& [name, body] : node->subgraphs) bytes += constant_bytes(*body);
  }
  return bytes;
}

Result<std::string> serialize(const ModelProto& proto) {
  const size_t bytes = proto.ByteSizeLong();
  if (bytes > static_cast<size_t>(kLargestMessage)) {
    return make_error(Code::kUnsupported, "found a model of {} bytes, expected at most {} in one file; keep the weights in a file of their own (external data)", bytes,
                      kLargestMessage);
  }
  std::string text;
  if (!proto.SerializeToString(&text)) return make_error(Code::kInternal, "the model's message cannot be written");
  return text;
}

}  // namespace

Result<int64_t> export_opset(const ir::Model& model, const ExportOptions& options) { return Exporter(model, options).opset(); }

Result<std::string> export_bytes(const ir::Model& model, const ExportOptions& options) {
  if (constant_bytes(*model.graph) > kLargestMessage) {
    return make_error(Code::kUnsupported, "found weights of {} bytes, expected less than 2 GiB in memory; write the model to a file, with external data",
                      constant_bytes(*model.graph));
  }
  Exporter exporter(model, options);
  SINTER_TRY(exporter.opset().status());
  SINTER_ASSIGN(const ModelProto proto, exporter.write(nullptr, ""));
  return serialize(proto);
}

Status export_model(const ir::Model& model, const std::string& path, const ExportOptions& options) {
  const bool large = constant_bytes(*model.graph) > kLargestMessage - kRoomForTheRest;
  const bool outside = options.external == ExternalWeights::kAlways || (options.external == ExternalWeights::kAuto && large);
  const std::string name = options.external_name.empty() ? entry_file(path) + ".data" : options.external_name;
  if (outside && (name != entry_file(name) || name == entry_file(path) || name == "." || name == "..")) {
    return make_error(Code::kInvalidArgument, "found '{}' as the name of the weights' file, expected a file name beside '{}'; give a plain name", name, path);
  }
  Exporter exporter(model, options);
  SINTER_TRY(exporter.opset().status());
  SINTER_ASSIGN(const std::unique_ptr<AtomicFile> file, AtomicFile::create(path));
  std::unique_ptr<AtomicFile> weights;
  if (outside) {
    SINTER_ASSIGN(weights, AtomicFile::create((std::filesystem::path(path).parent_path() / name).string()));
  }
  SINTER_ASSIGN(const ModelProto proto, exporter.write(weights.get(), name));
  SINTER_ASSIGN(const std::string bytes, serialize(proto));
  SINTER_TRY(file->write(bytes.data(), bytes.size()));
  if (weights) SINTER_TRY(weights->commit());
  return file->commit();
}

}  // namespace sinter::onnx
