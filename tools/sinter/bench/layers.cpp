#include "layers.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace sinter::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kFewestRuns = 5, kMostRuns = 100;
constexpr double kSeconds = 2;

// "4.3TB/s" → 4.3e12, given "B/s".
double parse_rate(std::string text, const std::string& unit) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string suffix = end;
  const std::string prefixes = "kMGTP";
  double scale = 1;
  bool good = end != text.c_str() && number > 0 && std::isfinite(number);
  if (suffix.size() == unit.size() + 1 && prefixes.find(suffix[0]) != prefixes.npos) scale = std::pow(1000.0, static_cast<double>(prefixes.find(suffix[0]) + 1));
  else good = good && suffix == unit;
  good = good && suffix.size() >= unit.size() && suffix.compare(suffix.size() - unit.size(), unit.size(), unit) == 0;
  if (!good) throw CLI::ValidationError("--peaks: found '" + text + "', expected BANDWIDTH,FLOPS such as 4.3TB/s,758TFLOP/s");
  return number * scale;
}

double rate_of(const PeakRates& peaks, const std::string& type) {
  for (const std::string& name : {type, std::string(), std::string("f32")}) {
    if (const auto found = peaks.flops.find(name); found != peaks.flops.end()) return found->second;
  }
  return 0;
}

// What is no product runs on the ordinary units; where all rates are one stated number those are not known, and memory bounds it anyway.
double floor_us(const Json& layer, const PeakRates& peaks) {
  const double dense = rate_of(peaks, layer.at("dense_type")), other = peaks.flops.count("f32") ? peaks.flops.at("f32") : 0;
  double seconds = peaks.bandwidth > 0 ? layer.at("bytes").get<double>() / peaks.bandwidth : 0;
  if (dense > 0) seconds = std::max(seconds, layer.at("dense_ops").get<double>() / dense);
  if (other > 0) seconds = std::max(seconds, layer.at("other_ops").get<double>() / other);
  return seconds * 1e6;
}

std::string in_units(double value, const char* unit) {
  static const char* const kPrefixes[] = {"", "k", "M", "G", "T", "P"};
  size_t prefix = 0;
  for (; value >= 999.5 && prefix + 1 < std::size(kPrefixes); ++prefix) value /= 1000;
  char text[48];
  std::snprintf(text, sizeof text, "%.3g %s%s", value, kPrefixes[prefix], unit);
  return text;
}

}  // namespace

PeakRates parse_peaks(const std::string& text) {
  const size_t comma = text.find(',');
  if (comma == text.npos) throw CLI::ValidationError("--peaks: found '" + text + "', expected BANDWIDTH,FLOPS such as 4.3TB/s,758TFLOP/s");
  PeakRates peaks;
  peaks.bandwidth = parse_rate(text.substr(0, comma), "B/s");
  peaks.flops[""] = parse_rate(text.substr(comma + 1), "FLOP/s");
  return peaks;
}

PeakRates measure_peak_rates(const char* device, int threads) {
  char* text = nullptr;
  require(sinter_peaks_json(device, threads, 0, &text));
  const auto json = Json::parse(Text(text).get());
  PeakRates peaks;
  peaks.bandwidth = json.at("bandwidth_bytes_s");
  for (const auto& [name, rate] : json.at("flops").items()) peaks.flops[name] = rate;
  return peaks;
}

Json time_layers(sinter_context* context, const PeakRates& peaks) {
  using Clock = std::chrono::steady_clock;
  require(sinter_context_set_profile(context, 1));
  const auto start = Clock::now();
  for (int i = 0; i < kMostRuns; ++i) {
    if (i >= kFewestRuns && std::chrono::duration<double>(Clock::now() - start).count() > kSeconds) break;
    require(sinter_context_execute(context));
  }
  char* text = nullptr;
  require(sinter_context_profile_json(context, &text));
  Json layers = Json::parse(Text(text).get());
  require(sinter_context_set_profile(context, 0));
  double sum = 0, floors = 0;
  for (Json& layer : layers) {
    const double us = layer.at("median_us"), least = floor_us(layer, peaks);
    const double ops = layer.at("dense_ops").get<double>() + layer.at("other_ops").get<double>();
    layer["flops_per_s"] = us > 0 ? ops / us * 1e6 : 0;
    layer["bytes_per_s"] = us > 0 ? layer.at("bytes").get<double>() / us * 1e6 : 0;
    layer["floor_us"] = least;
    layer["times_floor"] = least > 0 ? us / least : 0;
    if (layer.at("runs").get<int64_t>() == 0) continue;
    sum += us;
    floors += least;
  }
  Json rates = {{"bandwidth_bytes_s", peaks.bandwidth}, {"flops", peaks.flops}};
  return {{"sum_us", sum}, {"floor_us", floors}, {"peaks", rates}, {"layers", layers}};
}

void print_layers(const Json& result) {
  const double sum = result.at("sum_us");
  std::printf("%-40s %-26s %10s %6s %14s %12s %10s %7s\n", "layer", "tactic", "median us", "share", "arithmetic", "memory", "floor us", "x floor");
  for (const Json& layer : result.at("layers")) {
    const double us = layer.at("median_us");
    std::printf("%-40.40s %-26.26s %10.2f %5.1f%% %14s %12s %10.2f %7.1f\n", layer.at("layer").get<std::string>().c_str(),
                layer.at("tactic").get<std::string>().c_str(), us, sum > 0 ? 100 * us / sum : 0, in_units(layer.at("flops_per_s"), "FLOP/s").c_str(),
                in_units(layer.at("bytes_per_s"), "B/s").c_str(), layer.at("floor_us").get<double>(), layer.at("times_floor").get<double>());
  }
  const double floor = result.at("floor_us");
  std::printf("layers    sum %.3f ms, floor %.3f ms (%.1f times that), peaks %s", sum / 1000, floor / 1000, floor > 0 ? sum / floor : 0,
              in_units(result.at("peaks").at("bandwidth_bytes_s"), "B/s").c_str());
  for (const auto& [name, rate] : result.at("peaks").at("flops").items()) {
    std::printf(", %s%s%s", name.c_str(), name.empty() ? "" : " ", in_units(rate, "FLOP/s").c_str());
  }
  std::printf("\n");
}

std::vector<std::vector<std::string>> layer_rows(const Json& result) {
  static const char* const kColumns[] = {"region", "layer", "op", "tactic", "problem", "runs", "median_us", "min_us", "mean_us", "tuned_us", "dense_type",
                                         "dense_ops", "other_ops", "bytes", "live_bytes", "flops_per_s", "bytes_per_s", "floor_us", "times_floor"};
  std::vector<std::vector<std::string>> rows(1, {std::begin(kColumns), std::end(kColumns)});
  for (const Json& layer : result.at("layers")) {
    auto& row = rows.emplace_back();
    for (const char* const column : kColumns) {
      const Json& value = layer.at(column);
      row.push_back(value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
  return rows;
}

}  // namespace sinter::tool
