// Files and tables of trtexec: profile, layers, outputs.
#pragma once

#include <sinter/sinter.h>

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

#include "trtexec/options.h"

namespace sinter::tool::trtexec {

using Json = nlohmann::ordered_json;

// From sinter_context_profile_json: [{"count": n}, {"name", "timeMs", "averageMs", "medianMs", "percentage"}, ...].
Json profile_json(const Json& layers);
// "=== Profile (N iterations ) ===" and its table.
std::string profile_table(const Json& profile, int generation);
// From sinter_engine_info_json: {"Layers": [...], "Bindings": [...]}; with names only, each layer is a string.
Json layers_json(const Json& engine, Verbosity verbosity);
// "Layer Information:" and a line a layer.
std::string layers_table(const Json& layers);
// Elements as numbers: {"name", "dimensions": "1x1000", "values": [...]}.
Json output_json(const std::string& name, const sinter_tensor& tensor);
// "name: (1x1000)" and the values.
std::string output_text(const std::string& name, const sinter_tensor& tensor);
// "x.input.1.3.224.224.Float.raw"
std::string raw_file_name(const std::string& name, bool input, const sinter_tensor& tensor);

}  // namespace sinter::tool::trtexec
