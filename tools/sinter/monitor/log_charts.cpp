// The charts of a log.
#include <map>

#include "charts.h"
#include "log.h"

namespace sinter::tool::monitor {
namespace {

// The chart that a key belongs to: an index, or -1.
int chart_of(const std::string& key) {
  if (key == "ram_used_mb" || key == "ram_total_mb" || key == "swap_used_mb" || key.ends_with("_mem_used_mb")) return 0;
  if (key == "cpu_util_pct" || (key.ends_with("_util_pct") && !key.starts_with("cpu"))) return 1;
  if (key.ends_with("_mhz")) return 2;
  if (key.starts_with("temp_")) return 3;
  if (key.starts_with("power_") && !key.ends_with("_avg_mw")) return 4;
  return -1;
}

}  // namespace

std::vector<Chart> sample_charts(const std::vector<Sample>& samples) {
  std::vector<Chart> result(5);
  static constexpr const char* kTitles[][2] = {{"memory", "MB"}, {"load", "%"}, {"clocks", "MHz"}, {"temperature", "&#176;C"}, {"power", "mW"}};
  for (size_t i = 0; i < result.size(); ++i) result[i].title = kTitles[i][0], result[i].unit = kTitles[i][1];
  std::map<std::string, std::pair<size_t, size_t>> places;
  for (const std::string& key : keys_of(samples)) {
    const int chart = chart_of(key);
    if (chart < 0) continue;
    auto& lines = result[static_cast<size_t>(chart)].lines;
    places[key] = {static_cast<size_t>(chart), lines.size()};
    lines.push_back({key, std::vector<Figure>(samples.size())});
  }
  for (size_t i = 0; i < samples.size(); ++i) {
    for (const auto& [key, figure] : flat(samples[i])) {
      const auto place = places.find(key);
      if (place != places.end()) result[place->second.first].lines[place->second.second].values[i] = figure;
    }
  }
  std::erase_if(result, [](const Chart& chart) { return chart.lines.empty(); });
  return result;
}

std::string log_svg(const Log& log) { return charts_svg(sample_charts(log.samples)); }

std::string log_html(const Log& log, const std::string& name) {
  std::string body = "<p>" + std::to_string(log.lines) + " lines: " + std::to_string(log.samples.size()) + " samples, " + std::to_string(log.malformed.size()) + " malformed.";
  if (!log.samples.empty() && !log.samples.front().time.empty()) body += " " + escaped(log.samples.front().time) + " to " + escaped(log.samples.back().time) + ".";
  body += "</p>\n" + figure_html(log_svg(log));
  if (!log.malformed.empty()) {
    std::vector<std::vector<std::string>> rows = {{"line", "problem"}};
    for (const Malformed& line : log.malformed) rows.push_back({std::to_string(line.line), line.problem});
    body += "<h2>Malformed lines</h2>\n" + table_html(rows);
  }
  return page_html(name, body);
}

}  // namespace sinter::tool::monitor
