#include "onnx/model_file.h"

#include <google/protobuf/io/coded_stream.h>

#include <climits>
#include <filesystem>
#include <set>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sinter::onnx {
namespace {

// A nested graph takes three messages (graph, node, attribute): 33 levels of control flow.
constexpr int kMaxMessageDepth = 100;

}  // namespace

Status parse_message(std::string_view bytes, google::protobuf::MessageLite& message, const std::string& what) {
  if (bytes.size() > static_cast<size_t>(INT_MAX)) {
    return make_error(Code::kUnsupported,
                      "{}: {} bytes; protobuf messages are limited to {}; save the model with external data", what,
                      bytes.size(), INT_MAX);
  }
  google::protobuf::io::CodedInputStream stream(reinterpret_cast<const uint8_t*>(bytes.data()),
                                                static_cast<int>(bytes.size()));
  stream.SetTotalBytesLimit(INT_MAX);
  stream.SetRecursionLimit(kMaxMessageDepth);
  if (!message.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage()) {
    return make_error(Code::kInvalidModel,
                      "{}: the {} bytes are no valid ONNX message (damaged, cut short, nested too deep or another "
                      "kind of file); fetch or export the file again",
                      what, bytes.size());
  }
  return ok_status();
}

Result<ModelFile> parse_model(std::string_view bytes, const std::string& label, const std::string& folder) {
  ModelFile file;
  file.label = label;
  file.folder = folder;
  file.proto = std::make_unique<ModelProto>();
  file.external = std::make_unique<ExternalData>(folder);
  if (bytes.empty()) {
    return make_error(Code::kInvalidModel, "{}: the file is empty; expected an ONNX model; fetch or export it again",
                      label);
  }
  SINTER_TRY(parse_message(bytes, *file.proto, label));
  if (!file.proto->has_graph()) {
    return make_error(Code::kInvalidModel,
                      "{}: found no graph in it; expected an ONNX model (is this test data or another kind of "
                      "file?)",
                      label);
  }
  file.hash = XXH3_64bits(bytes.data(), bytes.size());
  return file;
}

Result<ModelFile> read_model(const std::string& path) {
  SINTER_ASSIGN(const auto mapped, MappedFile::open(path));
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  return parse_model({reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()}, path,
                     folder.empty() ? "." : folder.string());
}

std::string content_hash(const ModelFile& file) {
  const uint64_t parts[] = {file.hash, file.external->hash()};
  return fmt::format("{:016x}", XXH3_64bits(parts, sizeof parts));
}

namespace {

// Files that tensors name, of a graph and of the graphs within it.
class ExternalLocations {
 public:
  Status add(const GraphProto& graph) {
    for (const TensorProto& tensor : graph.initializer()) SINTER_TRY(add(tensor));
    for (const SparseTensorProto& tensor : graph.sparse_initializer()) SINTER_TRY(add(tensor));
    return add(graph.node());
  }
  Status add(const google::protobuf::RepeatedPtrField<NodeProto>& nodes) {
    for (const NodeProto& node : nodes) {
      for (const AttributeProto& attribute : node.attribute()) SINTER_TRY(add(attribute));
    }
    return ok_status();
  }
  const std::set<std::string>& found() const { return found_; }

 private:
  Status add(const TensorProto& tensor) {
    constexpr int kExternal = 1;
    if (tensor.data_location() != kExternal) return ok_status();
    SINTER_ASSIGN(const ExternalReference reference, parse_external(tensor));
    found_.insert(reference.location);
    return ok_status();
  }
  Status add(const SparseTensorProto& tensor) {
    SINTER_TRY(add(tensor.values()));
    return add(tensor.indices());
  }
  Status add(const AttributeProto& attribute) {
    if (attribute.has_t()) SINTER_TRY(add(attribute.t()));
    if (attribute.has_g()) SINTER_TRY(add(attribute.g()));
    if (attribute.has_sparse_tensor()) SINTER_TRY(add(attribute.sparse_tensor()));
    for (const TensorProto& tensor : attribute.tensors()) SINTER_TRY(add(tensor));
    for (const GraphProto& graph : attribute.graphs()) SINTER_TRY(add(graph));
    return ok_status();
  }
  std::set<std::string> found_;
};

}  // namespace

Result<std::string> whole_content_hash(const std::string& path) {
  SINTER_ASSIGN(const ModelFile file, read_model(path));
  ExternalLocations locations;
  SINTER_TRY(locations.add(file.proto->graph()));
  for (const FunctionProto& function : file.proto->functions()) SINTER_TRY(locations.add(function.node()));
  std::vector<uint64_t> parts{file.hash};
  for (const std::string& location : locations.found()) {
    SINTER_ASSIGN(const uint64_t hash, file.external->hash_of(location));
    parts.push_back(hash);
  }
  return fmt::format("{:016x}", XXH3_64bits(parts.data(), parts.size() * sizeof(uint64_t)));
}

}  // namespace sinter::onnx
