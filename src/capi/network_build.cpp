// Part 2 of sinter.h: networks to files and engines. A build goes by way of a temporary ONNX file, so that it is that of any other model.
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/files.h"
#include "capi/network_handle.h"
#include "quant/calibration_cache.h"

namespace sinter::capi {
namespace {

using network::Network;

Result<onnx::ExportOptions> to_export_options(const sinter_save_options* given) {
  SINTER_ASSIGN(const sinter_save_options options, read_options(given, sinter_save_options_init));
  onnx::ExportOptions made;
  made.opset = options.opset;
  if (options.external_data) made.external = onnx::ExternalWeights::kAlways;
  if (options.external_name) made.external_name = options.external_name;
  return made;
}

class TemporaryFolder {
 public:
  static Result<std::unique_ptr<TemporaryFolder>> create() {
    std::error_code error;
    const std::filesystem::path base = std::filesystem::temp_directory_path(error);
    std::string name = ((error ? std::filesystem::path("/tmp") : base) / "sinter-network-XXXXXX").string();
    if (!mkdtemp(name.data())) return make_error(Code::kIo, "'{}': the folder can't be made: {}; set TMPDIR to a folder that can be written", name, std::strerror(errno));
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(name));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::string_view flag_name(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "fp32";
    case DType::kF16: return "fp16";
    case DType::kF8E4M3FN: return "fp8";
    case DType::kI8: return "int8";
    case DType::kI32: return "int32";
    default: return dtype_name(dtype);
  }
}

// The lists of layers' types as the build options have them.
Status layer_lists(const Network& network, std::string& precisions, std::string& outputs) {
  for (const auto& [name, types] : network.layer_types()) {
    const ir::Node* node = network.graph().find_node(name);
    if (!node) continue;
    if (name.find_first_of(",:*") != name.npos) {
      return make_error(Code::kInvalidArgument, "node '{}': found ',', ':' or '*' in the name of a layer with a type of its own, expected none; rename the node", name);
    }
    if (types.precision != DType::kUndefined) precisions += fmt::format("{}{}:{}", precisions.empty() ? "" : ",", name, flag_name(types.precision));
    if (types.outputs.empty()) continue;
    std::string list;
    for (size_t i = 0; i <= types.outputs.rbegin()->first; ++i) {
      const auto given = types.outputs.find(i);
      const ir::Value* output = node->output(i);
      list += fmt::format("{}{}", i ? "+" : "", flag_name(given != types.outputs.end() ? given->second : output ? output->type.dtype : DType::kF32));
    }
    outputs += fmt::format("{}{}:{}", outputs.empty() ? "" : ",", name, list);
  }
  return ok_status();
}

Status write_ranges(const Network& network, const std::string& path) {
  quant::CalibrationCache cache;
  cache.header = fmt::format("TRT-{}-EntropyCalibration2", quant::kCacheVersion);
  for (const auto& [name, range] : network.ranges()) cache.scales.emplace_back(name, std::max(std::fabs(range.min), std::fabs(range.max)) / 127);
  SINTER_ASSIGN(const std::string text, quant::to_text(cache));
  return write_file(path, text);
}

// What a build needs of a network, in a folder that is gone afterwards.
struct Prepared {
  std::unique_ptr<TemporaryFolder> folder;
  std::string model, cache, precisions, outputs;
  sinter_build_options options{};
};

Status prepare(const sinter_network* handle, const sinter_build_options* given, Prepared& made) {
  SINTER_TRY(require(handle != nullptr, "the network"));
  const Network& network = *handle->network;
  SINTER_ASSIGN(made.options, read_options(given, sinter_build_options_init));
  SINTER_ASSIGN(made.folder, TemporaryFolder::create());
  made.model = made.folder->file("network.onnx");
  SINTER_TRY(network.save(made.model, {}));
  const bool calibrated = made.options.calib_cache || made.options.calib_data || made.options.calib_samples;
  if (!network.ranges().empty() && !calibrated) {
    made.cache = made.folder->file("ranges.cache");
    SINTER_TRY(write_ranges(network, made.cache));
    made.options.calib_cache = made.cache.c_str();
  }
  if (made.options.layer_precisions || made.options.layer_output_types) return ok_status();
  SINTER_TRY(layer_lists(network, made.precisions, made.outputs));
  if (!made.precisions.empty()) made.options.layer_precisions = made.precisions.c_str();
  if (!made.outputs.empty()) made.options.layer_output_types = made.outputs.c_str();
  if ((!made.precisions.empty() || !made.outputs.empty()) && !made.options.precision_constraints) made.options.precision_constraints = "prefer";
  return ok_status();
}

}  // namespace
}  // namespace sinter::capi

using namespace sinter;
using capi::guarded;

extern "C" {

void sinter_save_options_init(sinter_save_options* options) {
  if (!options) return;
  std::memset(options, 0, sizeof *options);
  options->struct_size = sizeof *options;
}

sinter_status sinter_network_save(const sinter_network* network, const char* path, const sinter_save_options* options) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(network && path, "the network or the path"));
    SINTER_ASSIGN(const onnx::ExportOptions made, capi::to_export_options(options));
    return network->network->save(path, made);
  });
}

sinter_status sinter_network_save_to_memory(const sinter_network* network, const sinter_save_options* options, void** out, size_t* out_bytes) {
  return guarded([&]() -> Status {
    SINTER_TRY(capi::require(network && out && out_bytes, "the network or the place for the bytes"));
    SINTER_ASSIGN(const onnx::ExportOptions made, capi::to_export_options(options));
    SINTER_ASSIGN(const std::string bytes, network->network->save_bytes(made));
    void* memory = std::malloc(std::max<size_t>(1, bytes.size()));
    if (!memory) return make_error(Code::kOutOfMemory, "no memory for a model of {} bytes; save it to a file", bytes.size());
    std::memcpy(memory, bytes.data(), bytes.size());
    *out = memory;
    *out_bytes = bytes.size();
    return ok_status();
  });
}

// The calls of a file leave their message behind, so that a status is passed on as it is.
sinter_status sinter_network_build(const sinter_network* network, const sinter_build_options* options, const char* out_path) {
  capi::Prepared made;
  const sinter_status ready = guarded([&] { return capi::prepare(network, options, made); });
  return ready == SINTER_OK ? sinter_build(made.model.c_str(), &made.options, out_path) : ready;
}

sinter_status sinter_network_build_to_memory(const sinter_network* network, const sinter_build_options* options, void** out, size_t* out_bytes) {
  capi::Prepared made;
  const sinter_status ready = guarded([&] { return capi::prepare(network, options, made); });
  return ready == SINTER_OK ? sinter_build_to_memory(made.model.c_str(), &made.options, out, out_bytes) : ready;
}

sinter_status sinter_network_build_engine(const sinter_network* network, const sinter_build_options* options, sinter_engine** out) {
  capi::Prepared made;
  const sinter_status ready = guarded([&] { return capi::prepare(network, options, made); });
  return ready == SINTER_OK ? sinter_load_or_build(made.model.c_str(), &made.options, out) : ready;
}

}  // extern "C"
