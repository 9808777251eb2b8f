#include "onnx/inspect.h"

#include <filesystem>
#include <set>

#include "onnx/model_file.h"
#include "onnx/tensor_proto.h"
#include "onnx/type_proto.h"

namespace sinter::onnx {
namespace {

std::string normal_domain(const std::string& domain) { return domain == "ai.onnx" ? "" : domain; }

class Inspection {
 public:
  explicit Inspection(ModelInfo& info) : info_(info) {}

  void nodes(const google::protobuf::RepeatedPtrField<NodeProto>& nodes) {
    for (const NodeProto& node : nodes) {
      const std::string domain = normal_domain(node.domain());
      ++info_.operators[domain.empty() ? node.op_type() : domain + "." + node.op_type()];
      ++info_.nodes;
      for (const AttributeProto& attribute : node.attribute()) {
        if (attribute.has_t()) external(attribute.t());
        if (attribute.has_g()) graph(attribute.g());
        for (const GraphProto& body : attribute.graphs()) graph(body);
      }
    }
  }

  void graph(const GraphProto& graph) {
    for (const TensorProto& initializer : graph.initializer()) {
      ++info_.initializers;
      info_.initializer_bytes += bytes(initializer, Dims(initializer.dims().begin(), initializer.dims().end()));
      external(initializer);
    }
    for (const SparseTensorProto& initializer : graph.sparse_initializer()) {
      ++info_.initializers;
      info_.initializer_bytes +=
          bytes(initializer.values(), Dims(initializer.dims().begin(), initializer.dims().end()));
      external(initializer.values());
      external(initializer.indices());
    }
    nodes(graph.node());
  }

  const std::map<std::string, int64_t>& locations() const { return locations_; }

 private:
  static int64_t bytes(const TensorProto& tensor, const Dims& dims) {
    const Result<DType> dtype = to_dtype(tensor.data_type());
    if (!dtype.ok()) return 0;
    if (*dtype == DType::kString) {
      int64_t size = 0;
      for (const std::string& text : tensor.string_data()) size += static_cast<int64_t>(text.size());
      return size;
    }
    const Result<int64_t> count = checked_count(dims, *dtype);
    return count.ok() ? dtype_bytes(*dtype, *count) : 0;
  }

  void external(const TensorProto& tensor) {
    if (tensor.data_location() != kLocationExternal) return;
    const Result<ExternalReference> reference = parse_external(tensor);
    if (reference.ok()) ++locations_[reference->location];
  }

  ModelInfo& info_;
  std::map<std::string, int64_t> locations_;
};

std::vector<TensorInfo> tensors(const google::protobuf::RepeatedPtrField<ValueInfoProto>& list,
                                const GraphProto& graph) {
  std::set<std::string_view> constants;
  for (const TensorProto& initializer : graph.initializer()) constants.insert(initializer.name());
  std::vector<TensorInfo> infos;
  for (const ValueInfoProto& value : list) {
    if (constants.count(value.name())) continue;
    Result<ValueType> type = to_type(value.type(), value.name(), {});
    infos.push_back({value.name(), type.ok() ? std::move(type).value() : ValueType()});
  }
  return infos;
}

}  // namespace

Result<ModelInfo> inspect_model(const std::string& path) {
  SINTER_ASSIGN(const ModelFile file, read_model(path));
  const ModelProto& proto = *file.proto;
  ModelInfo info;
  info.file = path;
  info.graph_name = proto.graph().name();
  info.producer_name = proto.producer_name();
  info.producer_version = proto.producer_version();
  info.domain = proto.domain();
  info.doc = proto.doc_string();
  info.ir_version = proto.ir_version();
  info.model_version = proto.model_version();
  for (const OperatorSetIdProto& opset : proto.opset_import())
    info.opsets[normal_domain(opset.domain())] = opset.version();
  for (const StringStringEntryProto& entry : proto.metadata_props()) info.metadata[entry.key()] = entry.value();
  for (const FunctionProto& function : proto.functions()) {
    FunctionInfo item{normal_domain(function.domain()), function.name(), function.node_size(), {}};
    for (const OperatorSetIdProto& opset : function.opset_import())
      item.opsets[normal_domain(opset.domain())] = opset.version();
    info.functions.push_back(std::move(item));
  }
  Inspection inspection(info);
  inspection.graph(proto.graph());
  info.inputs = tensors(proto.graph().input(), proto.graph());
  info.outputs = tensors(proto.graph().output(), GraphProto());
  std::error_code error;
  info.file_bytes = static_cast<int64_t>(std::filesystem::file_size(path, error));
  for (const auto& [location, count] : inspection.locations()) {
    const Result<int64_t> size = file.external->size(location);
    info.external_files.push_back({location, size.ok() ? *size : -1, count});
  }
  return info;
}

}  // namespace sinter::onnx
