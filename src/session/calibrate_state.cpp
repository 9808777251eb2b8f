#include "session/calibrate_state.h"

#include <charconv>

#include "base/files.h"

namespace sinter::session {
namespace {

constexpr std::string_view kFirstLine = "sinter calibration, interrupted 1";

std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text = end == text.npos ? std::string_view() : text.substr(end + 1);
  return line;
}

bool take_number(std::string_view& text, int64_t& number) {
  const std::string_view line = take_line(text);
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  return error == std::errc() && end == line.data() + line.size() && number >= 0;
}

}  // namespace

// First line, key, position, samples, skipped; then for each tensor its number of names, the names, a line each, and its histogram.
Status save_state(const std::string& path, const CalibrateState& state, const Collector& collector) {
  std::string text = fmt::format("{}\n{}\n{}\n{}\n{}\n", kFirstLine, state.key, state.position, state.samples, state.skipped);
  for (const auto& [name, entry] : collector.entries()) {
    text += fmt::format("{}\n", entry.names.size());
    for (const std::string& each : entry.names) {
      if (each.find('\n') != each.npos) return make_error(Code::kUnsupported, "calibration: tensor '{}' has a name with a line end; rename it in the model", each);
      text += each + "\n";
    }
    text += entry.histogram.to_text() + "\n";
  }
  text += "end\n";
  return write_file(path, text);
}

Result<std::optional<CalibrateState>> load_state(const std::string& path, const std::string& key, Collector& collector) {
  const Result<std::string> file = read_file(path);
  if (!file.ok() && file.status().code() == Code::kNotFound) return std::optional<CalibrateState>();
  if (!file.ok()) return file.status();
  std::string_view text = *file;
  CalibrateState state;
  const auto damaged = [&] { return make_error(Code::kInvalidArgument, "'{}': found no whole state of an interrupted calibration; remove the file", path); };
  if (take_line(text) != kFirstLine) return damaged();
  state.key = take_line(text);
  if (state.key != key) return std::optional<CalibrateState>();
  if (!take_number(text, state.position) || !take_number(text, state.samples) || !take_number(text, state.skipped)) return damaged();
  std::map<std::string, Collector::Entry> entries;
  while (!text.starts_with("end\n")) {
    int64_t names = 0;
    if (!take_number(text, names) || names < 1 || names > 1000) return damaged();
    Collector::Entry entry;
    for (int64_t i = 0; i < names; ++i) entry.names.emplace_back(take_line(text));
    auto histogram = quant::Histogram::parse(take_line(text));
    if (!histogram.ok()) return std::move(histogram).status().with(fmt::format("while resuming from '{}'; remove the file to begin anew", path));
    entry.histogram = std::move(*histogram);
    std::string first = entry.names[0];
    entries.emplace(std::move(first), std::move(entry));
  }
  collector.entries() = std::move(entries);
  return std::optional<CalibrateState>(std::move(state));
}

}  // namespace sinter::session
