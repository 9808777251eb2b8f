// Manifest: what an engine says of itself to people and tools, readable without its plan.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/dim.h"
#include "core/type.h"
#include "plan/plan.h"

namespace sinter::engine {

struct IoInfo {
  std::string name;  // the ONNX name of the input or output
  ValueType type;    // shape with symbols
  std::vector<std::string> onnx_names;
};

// A plugin whose operators the steps use.
struct PluginInfo {
  std::string name, version;
  std::string file;  // without folders
  std::string hash;  // of the file when the engine was built, hex
  std::vector<std::string> operators;  // "example.Frame"
};

// Keys of Manifest::more.
constexpr std::string_view kCompatibilityKey =
    "hardware_compatibility";  // kAmperePlus: device code holds PTX of compute capability 8.0
constexpr std::string_view kAmperePlus = "ampere+";
constexpr std::string_view kTargetKey = "target";            // --target
constexpr std::string_view kUnmeasuredKey = "not_measured";  // what was chosen without measuring it on the target
constexpr std::string_view kToolkitKey = "cuda_toolkit", kDriverKey = "cuda_driver", kCodeKey = "device_code";

struct Manifest {
  std::string sinter_version;
  std::string model_name;      // file name without folders
  std::string model_hash;      // hex digest of the model's bytes
  std::string build_command;   // as typed, folders of this machine left out
  std::string date;            // ISO 8601, UTC; empty in reproducible builds
  std::string device;          // the processor it was tuned on
  std::string isa;             // isa_name() that its steps need
  int32_t threads = 1;         // it was tuned for
  std::vector<std::string> precisions;  // compute types in use: "f32", "tf32", "bf16", …
  std::vector<IoInfo> inputs, outputs;
  std::vector<plan::SymbolRange> profile;                         // of the first optimization profile
  std::vector<std::vector<plan::SymbolRange>> further_profiles;  // of those after it
  std::vector<PluginInfo> plugins;
  std::vector<std::vector<Dims>> shapes_to_warm;  // one a set of input shapes, in the order of the inputs: contexts make ready for them ahead
  std::vector<std::pair<std::string, std::string>> more;  // "provider.onednn" → "2.6.3", …
};

// One JSON object. Keys are the field names; types as text ("f32[batch,3,224,224]").
std::string to_json(const Manifest& manifest);
// A JSON string literal, quotes included; bytes that are no UTF-8 are written as \u00XX.
std::string json_quote(std::string_view text);

}  // namespace sinter::engine
