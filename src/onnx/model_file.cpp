#include "onnx/model_file.h"

#include <google/protobuf/io/coded_stream.h>

#include <climits>
#include <filesystem>

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

}  // namespace sinter::onnx
