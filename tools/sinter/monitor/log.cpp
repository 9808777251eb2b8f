#include "log.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <unordered_set>

#include "tegrastats.h"

namespace sinter::tool::monitor {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kKeptText = 400;  // characters of a malformed line

// Text of any bytes as JSON can hold it.
std::string printable(std::string_view text) {
  std::string result;
  for (char c : text.substr(0, kKeptText)) result += c >= ' ' && c <= '~' ? c : '?';
  return result;
}

Json figure_json(const Figure& figure) {
  if (!figure) return nullptr;
  if (*figure == std::floor(*figure)) return static_cast<int64_t>(*figure);
  return *figure;
}

Json summary(const Log& log) {
  struct Range {
    double least = 0, most = 0, sum = 0;
    int64_t count = 0;
  };
  std::map<std::string, Range> ranges;
  for (const Sample& sample : log.samples) {
    for (const auto& [key, figure] : flat(sample)) {
      if (!figure) continue;
      Range& range = ranges[key];
      range.least = range.count == 0 ? *figure : std::min(range.least, *figure);
      range.most = range.count == 0 ? *figure : std::max(range.most, *figure);
      range.sum += *figure;
      ++range.count;
    }
  }
  Json result = Json::object();
  for (const std::string& key : keys_of(log.samples)) {
    const auto found = ranges.find(key);
    if (found == ranges.end()) continue;
    const Range& range = found->second;
    result[key] = {{"min", range.least}, {"mean", range.sum / static_cast<double>(range.count)}, {"max", range.most}};
  }
  return result;
}

}  // namespace

Log parse_tegrastats_log(std::string_view text) {
  Log log;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    ++log.lines;
    ParsedLine parsed = parse_tegrastats_line(line);
    if (parsed.ok()) {
      log.samples.push_back(std::move(parsed.sample));
      log.sample_lines.push_back(number);
    } else {
      log.malformed.push_back({number, printable(line), parsed.problem});
    }
  }
  return log;
}

std::vector<std::string> keys_of(const std::vector<Sample>& samples) {
  std::vector<std::string> keys;
  std::unordered_set<std::string> seen;
  for (const Sample& sample : samples) {
    for (const auto& [key, figure] : flat(sample)) {
      if (seen.insert(key).second) keys.push_back(key);
    }
  }
  return keys;
}

std::string log_json(const Log& log, const std::string& name) {
  Json result = {{"file", printable(name)}, {"lines", log.lines}, {"malformed_lines", log.malformed.size()}, {"malformed", Json::array()}};
  for (const Malformed& line : log.malformed) result["malformed"].push_back({{"line", line.line}, {"problem", line.problem}, {"text", line.text}});
  std::set<std::string> unknown;
  for (const Sample& sample : log.samples) {
    for (const std::string& field : sample.unknown) unknown.insert(field.substr(0, field.find(' ')));
  }
  result["unknown_fields"] = unknown;
  result["summary"] = summary(log);
  Json& samples = result["samples"] = Json::array();
  for (size_t i = 0; i < log.samples.size(); ++i) {
    Json sample = {{"line", log.sample_lines[i]}};
    if (!log.samples[i].time.empty()) sample["time"] = log.samples[i].time;
    for (const auto& [key, figure] : flat(log.samples[i])) sample[key] = figure_json(figure);
    if (!log.samples[i].unknown.empty()) {
      Json& fields = sample["unknown"] = Json::array();
      for (const std::string& field : log.samples[i].unknown) fields.push_back(printable(field));
    }
    samples.push_back(std::move(sample));
  }
  return result.dump(2) + "\n";
}

std::string log_csv(const Log& log) {
  const std::vector<std::string> keys = keys_of(log.samples);
  std::string text = "line,time";
  for (const std::string& key : keys) text += "," + key;
  text += "\n";
  for (size_t i = 0; i < log.samples.size(); ++i) {
    text += std::to_string(log.sample_lines[i]) + "," + log.samples[i].time;
    std::map<std::string, Figure> figures;
    for (const auto& [key, figure] : flat(log.samples[i])) figures[key] = figure;
    for (const std::string& key : keys) {
      text += ",";
      const auto found = figures.find(key);
      if (found != figures.end() && found->second) text += figure_json(found->second).dump();
    }
    text += "\n";
  }
  return text;
}

}  // namespace sinter::tool::monitor
