#include "data/labels.h"

#include <charconv>

#include "base/files.h"

namespace sinter::data {
namespace {

// Takes a record's fields; quotes may hold commas and line ends.
std::vector<std::string> take_record(std::string_view& text, int& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  size_t i = 0;
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') fields.back() += c;
      else if (i + 1 < text.size() && text[i + 1] == '"') fields.back() += text[++i];
      else quoted = false;
    } else if (c == '"' && fields.back().empty()) {
      quoted = true;
    } else if (c == ',') {
      fields.emplace_back();
    } else if (c == '\n') {
      break;
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  text.remove_prefix(std::min(text.size(), i + 1));
  return fields;
}

}  // namespace

Result<Labels> Labels::parse(std::string_view text, const std::string& label) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  Labels labels;
  size_t file = 0, index = 1;
  int next_line = 1;
  for (bool first = true; !text.empty(); first = false) {
    const int line = next_line;
    const std::vector<std::string> fields = take_record(text, next_line);
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (first) {
      size_t named_file = SIZE_MAX, named_index = SIZE_MAX;
      for (size_t k = 0; k < fields.size(); ++k) {
        if (fields[k] == "file") named_file = k;
        if (fields[k] == "class_index" || fields[k] == "label") named_index = k;
      }
      if (named_file != SIZE_MAX && named_index != SIZE_MAX) {
        file = named_file, index = named_index;
        continue;
      }
    }
    int64_t value = -1;
    if (fields.size() > std::max(file, index)) {
      const std::string& digits = fields[index];
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
      if (error != std::errc() || end != digits.data() + digits.size()) value = -1;
    }
    if (value < 0 || fields[file].empty()) {
      return make_error(Code::kInvalidArgument, "labels '{}', line {}: expected a file and the number of its class, columns 'file' and 'class_index'; correct the line", label, line);
    }
    if (!labels.classes_.emplace(fields[file], value).second) {
      return make_error(Code::kInvalidArgument, "labels '{}', line {}: '{}' has a class already, expected one for each file; remove a line", label, line, fields[file].substr(0, 100));
    }
  }
  if (labels.classes_.empty()) return make_error(Code::kInvalidArgument, "labels '{}': found none, expected lines of a file and the number of its class", label);
  return labels;
}

Result<Labels> Labels::read(const std::string& path) {
  SINTER_ASSIGN(const std::string text, read_file(path));
  return parse(text, path);
}

std::optional<int64_t> Labels::find(const std::string& sample) const {
  auto it = classes_.find(sample);
  const size_t slash = sample.rfind('/');
  if (it == classes_.end() && slash != sample.npos) it = classes_.find(std::string_view(sample).substr(slash + 1));
  return it == classes_.end() ? std::nullopt : std::optional<int64_t>(it->second);
}

}  // namespace sinter::data
