// bench --layers: every layer's time beside what the machine needs at least.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common.h"

namespace sinter::tool {

struct PeakRates {
  double bandwidth = 0;                 // bytes a second
  std::map<std::string, double> flops;  // by type; stated ones: one rate under "" for all
};

// "4.3TB/s,758TFLOP/s"; usage error otherwise.
PeakRates parse_peaks(const std::string& text);
// The machine's, by the library's probe.
PeakRates measure_peak_rates(const char* device, int threads);

// Runs the context with times of layers until they are steady, then: {"floor_us", "sum_us", "peaks", "layers": [...]}; each layer as the library
// gives it, with flops_per_s, bytes_per_s, floor_us and times_floor.
nlohmann::ordered_json time_layers(sinter_context* context, const PeakRates& peaks);
void print_layers(const nlohmann::ordered_json& result);
// Headings, then one row a layer.
std::vector<std::vector<std::string>> layer_rows(const nlohmann::ordered_json& result);

}  // namespace sinter::tool
