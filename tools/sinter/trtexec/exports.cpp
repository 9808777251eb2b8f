#include "trtexec/exports.h"

#include <cmath>
#include <cstdio>
#include <cstring>

#include "trtexec/log.h"

namespace sinter::tool::trtexec {
namespace {

std::string dims_text(const sinter_tensor& tensor, const char* separator) {
  std::string text;
  for (int32_t i = 0; i < tensor.rank; ++i) text += (i ? separator : "") + std::to_string(tensor.dims[i]);
  return text;
}

double half_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) return mantissa ? std::nan("") : sign * INFINITY;
  return sign * (exponent ? std::ldexp(1024 + mantissa, exponent - 25) : std::ldexp(mantissa, -24));
}

template <typename T>
double element(const sinter_tensor& tensor, int64_t index) {
  T value;
  std::memcpy(&value, static_cast<const char*>(tensor.data) + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return static_cast<double>(value);
}

double value_of(const sinter_tensor& tensor, int64_t i) {
  switch (tensor.dtype) {
    case SINTER_F32: return element<float>(tensor, i);
    case SINTER_F64: return element<double>(tensor, i);
    case SINTER_I8: return element<int8_t>(tensor, i);
    case SINTER_U8: case SINTER_BOOL: return element<uint8_t>(tensor, i);
    case SINTER_I16: return element<int16_t>(tensor, i);
    case SINTER_U16: return element<uint16_t>(tensor, i);
    case SINTER_I32: return element<int32_t>(tensor, i);
    case SINTER_U32: return element<uint32_t>(tensor, i);
    case SINTER_I64: return element<int64_t>(tensor, i);
    case SINTER_U64: return element<uint64_t>(tensor, i);
    case SINTER_F16: {
      uint16_t bits;
      std::memcpy(&bits, static_cast<const char*>(tensor.data) + i * 2, 2);
      return half_value(bits);
    }
    case SINTER_BF16: {
      uint16_t bits;
      std::memcpy(&bits, static_cast<const char*>(tensor.data) + i * 2, 2);
      const uint32_t wide = uint32_t{bits} << 16;
      float value;
      std::memcpy(&value, &wide, 4);
      return value;
    }
    default: return std::nan("");
  }
}

std::string fixed(double value, int width, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%*.*f", width, decimals, value);
  return text;
}

}  // namespace

Json profile_json(const Json& layers) {
  double sum = 0;
  int64_t count = 0;
  for (const Json& layer : layers) {
    sum += layer.at("total_us").get<double>();
    count = std::max(count, layer.at("runs").get<int64_t>());
  }
  Json profile = Json::array({{{"count", count}}});
  for (const Json& layer : layers) {
    const double total = layer.at("total_us");
    profile.push_back({{"name", layer.at("layer")}, {"timeMs", total / 1000}, {"averageMs", layer.at("mean_us").get<double>() / 1000},
                       {"medianMs", layer.at("median_us").get<double>() / 1000}, {"percentage", sum > 0 ? 100 * total / sum : 0}});
  }
  return profile;
}

std::string profile_table(const Json& profile, int generation) {
  std::string text = "=== Profile (" + std::to_string(profile.at(0).at("count").get<int64_t>()) + " iterations ) ===\n";
  text += generation == 8 ? "   Layer   Time (ms)   Avg. Time (ms)   Median Time (ms)   Time %" : "   Time(ms)     Avg.(ms)   Median(ms)   Time(%)   Layer";
  double total = 0, average = 0, median = 0, share = 0;
  const auto row = [&](const std::string& name, double time, double mean, double middle, double percent) {
    const std::string numbers = fixed(time, 11, 2) + fixed(mean, 13, 4) + fixed(middle, 13, 4) + fixed(percent, 10, 1);
    text += generation == 8 ? "\n" + name + numbers : "\n" + numbers + "   " + name;
  };
  for (size_t i = 1; i < profile.size(); ++i) {
    const Json& layer = profile[i];
    total += layer.at("timeMs").get<double>();
    average += layer.at("averageMs").get<double>();
    median += layer.at("medianMs").get<double>();
    share += layer.at("percentage").get<double>();
    if (layer.at("timeMs").get<double>() > 0) row(layer.at("name"), layer.at("timeMs"), layer.at("averageMs"), layer.at("medianMs"), layer.at("percentage"));
  }
  row("Total", total, average, median, share);
  return text;
}

Json layers_json(const Json& engine, Verbosity verbosity) {
  Json layers = Json::array(), bindings = Json::array();
  if (engine.contains("report") && verbosity != Verbosity::kNone) {
    for (const Json& layer : engine.at("report").at("layers")) {
      if (verbosity == Verbosity::kNames) {
        layers.push_back(layer.at("name"));
        continue;
      }
      layers.push_back({{"Name", layer.at("name")}, {"LayerType", layer.at("op")}, {"ParameterType", layer.at("op")}, {"Problem", layer.at("problem")},
                        {"TacticName", layer.at("tactic")}, {"TacticConfig", layer.at("config")}, {"Precision", layer.at("precision")},
                        {"InputLayouts", layer.at("input_layouts")}, {"OutputLayouts", layer.at("output_layouts")}, {"TimeUs", layer.at("us")},
                        {"WeightBytes", layer.at("weight_bytes")}, {"Metadata", layer.at("source_nodes")}});
    }
  }
  for (const char* side : {"inputs", "outputs"}) {
    for (const Json& tensor : engine.at("manifest").at(side)) bindings.push_back(tensor.at("name"));
  }
  return {{"Layers", layers}, {"Bindings", bindings}};
}

std::string layers_table(const Json& layers) {
  std::string text = "Layer Information:";
  for (const Json& layer : layers.at("Layers")) {
    if (layer.is_string()) text += "\n" + layer.get<std::string>();
    else text += "\nLayer(" + layer.at("LayerType").get<std::string>() + "): " + layer.at("Name").get<std::string>() + ", Tactic: " + layer.at("TacticName").get<std::string>() + ", " + layer.at("Problem").get<std::string>();
  }
  return text;
}

Json output_json(const std::string& name, const sinter_tensor& tensor) {
  Json values = Json::array();
  for (int64_t i = 0; i < tensor.count; ++i) {
    const double value = value_of(tensor, i);
    if (value == std::floor(value) && std::fabs(value) < 9e15 && tensor.dtype != SINTER_F32 && tensor.dtype != SINTER_F64) values.push_back(static_cast<int64_t>(value));
    else values.push_back(value);
  }
  return {{"name", name}, {"dimensions", dims_text(tensor, "x")}, {"values", values}};
}

std::string output_text(const std::string& name, const sinter_tensor& tensor) {
  std::string text = name + ": (" + dims_text(tensor, "x") + ")\n";
  for (int64_t i = 0; i < tensor.count; ++i) text += (i ? " " : "") + number(value_of(tensor, i));
  return text;
}

std::string raw_file_name(const std::string& name, bool input, const sinter_tensor& tensor) {
  std::string safe = name;
  for (char& c : safe) {
    if (std::strchr("/\\:*?\"<>| ", c)) c = '_';
  }
  return safe + (input ? ".input." : ".output.") + dims_text(tensor, ".") + "." + sinter_dtype_name(tensor.dtype) + ".raw";
}

}  // namespace sinter::tool::trtexec
