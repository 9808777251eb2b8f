// ModelFile: an ONNX file parsed within bounds, before anything of it is believed.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "onnx/external_data.h"
#include "onnx/wire.h"

namespace sinter::onnx {

struct ModelFile {
  std::string label;   // the file's name in messages
  std::string folder;  // where external data is
  std::unique_ptr<ModelProto> proto;
  std::unique_ptr<ExternalData> external;
  uint64_t hash = 0;  // of the file's bytes
};

// Protobuf's own limits: 2 GiB a message, and a depth that real models (nested loops) stay far below.
Result<ModelFile> read_model(const std::string& path);
Result<ModelFile> parse_model(std::string_view bytes, const std::string& label, const std::string& folder);

// Parses any message of onnx.proto under the same limits. `what` begins the error message.
Status parse_message(std::string_view bytes, google::protobuf::MessageLite& message, const std::string& what);

// Hex digest over the file and the external data that was loaded.
std::string content_hash(const ModelFile& file);

}  // namespace sinter::onnx
