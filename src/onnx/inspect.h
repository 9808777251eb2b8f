// What an ONNX file says of itself, without building anything: it works for models with unsupported operators too.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/type.h"

namespace sinter::onnx {

struct TensorInfo {
  std::string name;
  ValueType type;
};

struct ExternalFile {
  std::string location;
  int64_t bytes = -1;  // size of the file; -1: it cannot be read (missing, or outside the model's folder)
  int64_t tensors = 0;
};

struct FunctionInfo {
  std::string domain, name;
  int64_t nodes = 0;
  std::map<std::string, int64_t> opsets;
};

struct ModelInfo {
  std::string file, graph_name, producer_name, producer_version, domain, doc;
  int64_t ir_version = 0, model_version = 0;
  std::map<std::string, int64_t> opsets;  // "" is ai.onnx
  std::map<std::string, std::string> metadata;
  std::vector<TensorInfo> inputs, outputs;  // inputs without those that are initializers
  std::map<std::string, int64_t>
      operators;  // "Conv" → 53; bodies included, function bodies not; other domains: "domain.Op"
  std::vector<FunctionInfo> functions;
  int64_t nodes = 0;
  int64_t initializers = 0, initializer_bytes = 0;  // dense size, in the file or outside it
  std::vector<ExternalFile> external_files;
  int64_t file_bytes = 0;
};

Result<ModelInfo> inspect_model(const std::string& path);

}  // namespace sinter::onnx
