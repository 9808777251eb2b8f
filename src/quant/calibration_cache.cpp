#include "quant/calibration_cache.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>
#include <set>

namespace sinter::quant {
namespace {

// "3c010a14" → scale.
bool parse_scale(std::string_view digits, float& scale) {
  if (digits.empty() || digits.size() > 8) return false;
  uint32_t bits = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return false;
  scale = std::bit_cast<float>(bits);
  return std::isfinite(scale) && !std::signbit(scale);
}

std::string shortened(std::string_view text) {
  constexpr size_t kMost = 80;
  return text.size() <= kMost ? std::string(text) : std::string(text.substr(0, kMost)) + "…";
}

// Takes a line from the text, without its end.
std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text = end == text.npos ? std::string_view() : text.substr(end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

void read_header(std::string_view line, CalibrationCache& cache) {
  cache.header = line;
  if (!line.starts_with("TRT-")) return;
  const size_t dash = line.find('-', 4);
  if (dash == line.npos) return;
  cache.version = line.substr(4, dash - 4);
  cache.algorithm = line.substr(dash + 1);
}

}  // namespace

Result<CalibrationCache> parse_calibration_cache(std::string_view text, const std::string& label) {
  CalibrationCache cache;
  std::string_view rest = text;
  const std::string_view header = take_line(rest);
  float scale = 0;
  const size_t split = header.rfind(": ");
  if (header.empty() || header.find('\0') != header.npos || (split != header.npos && parse_scale(header.substr(split + 2), scale))) {
    return make_error(Code::kInvalidArgument, "calibration cache '{}', line 1: found '{}', expected the version and algorithm, such as 'TRT-{}-EntropyCalibration2'; "
                      "add that line, or calibrate again", label, shortened(header), kCacheVersion);
  }
  read_header(header, cache);
  std::set<std::string_view> names;
  for (int number = 2; !rest.empty(); ++number) {
    const std::string_view line = take_line(rest);
    if (line.empty()) continue;
    const size_t colon = line.rfind(": ");
    if (colon == line.npos || colon == 0) {
      return make_error(Code::kInvalidArgument, "calibration cache '{}', line {}: found '{}', expected 'tensor name: hex digits of the scale'; correct the line, or "
                        "calibrate again", label, number, shortened(line));
    }
    const std::string_view name = line.substr(0, colon), digits = line.substr(colon + 2);
    if (!parse_scale(digits, scale)) {
      return make_error(Code::kInvalidArgument, "calibration cache '{}', line {}: the scale of '{}' is '{}', expected up to 8 hex digits of a finite float of at least 0; "
                        "correct the line, or calibrate again", label, number, shortened(name), shortened(digits));
    }
    if (!names.insert(name).second) {
      return make_error(Code::kInvalidArgument, "calibration cache '{}', line {}: tensor '{}' has a scale already, expected one for each; remove a line", label, number,
                        shortened(name));
    }
    cache.scales.emplace_back(name, scale);
  }
  return cache;
}

Result<std::string> to_text(const CalibrationCache& cache) {
  std::string text = cache.header + "\n";
  for (const auto& [name, scale] : cache.scales) {
    if (name.empty() || name.find_first_of("\r\n") != name.npos) {
      return make_error(Code::kInvalidArgument, "calibration cache: tensor '{}' has a name that a line can't hold; rename it in the model", shortened(name));
    }
    text += fmt::format("{}: {:x}\n", name, std::bit_cast<uint32_t>(scale));
  }
  return text;
}

CalibrationCache to_cache(const Calibration& calibration, Algorithm algorithm) {
  CalibrationCache cache;
  read_header(fmt::format("TRT-{}-{}", kCacheVersion, cache_algorithm(algorithm)), cache);
  for (const auto& [name, range] : calibration.ranges) cache.scales.emplace_back(name, range / 127.0f);
  return cache;
}

Calibration to_calibration(const CalibrationCache& cache) {
  Calibration calibration;
  calibration.algorithm = cache.header;
  for (const auto& [name, scale] : cache.scales) calibration.ranges.emplace(name, std::min(scale * 127.0f, std::numeric_limits<float>::max()));
  return calibration;
}

}  // namespace sinter::quant
