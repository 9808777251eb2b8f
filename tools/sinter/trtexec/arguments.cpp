#include "trtexec/arguments.h"

#include <cctype>
#include <cstdlib>

#include "trtexec/flags.h"

namespace sinter::tool::trtexec {
namespace {

double read_number(const std::string& key, const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) throw Error{key + ": found '" + text + "', expected a number", true};
  return value;
}

}  // namespace

Arguments Arguments::parse(const std::vector<std::string>& words) {
  Arguments arguments;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t equals = words[i].find('=');
    Argument argument{words[i].substr(0, equals), equals == std::string::npos ? "" : words[i].substr(equals + 1)};
    const Flag* flag = find_flag(argument.key);
    const bool apart = equals == std::string::npos && flag && flag->has_value && i + 1 < words.size() && words[i + 1].rfind("--", 0) != 0;
    if (apart) argument.value = words[++i];
    arguments.arguments_.push_back(std::move(argument));
  }
  return arguments;
}

bool Arguments::has(const std::string& key) const {
  for (const Argument& argument : arguments_) {
    if (argument.key == key) return true;
  }
  return false;
}

std::optional<std::string> Arguments::take(const std::string& key) {
  for (Argument& argument : arguments_) {
    if (argument.taken || argument.key != key) continue;
    argument.taken = true;
    return argument.value;
  }
  return std::nullopt;
}

std::vector<std::string> Arguments::take_all(const std::string& key) {
  std::vector<std::string> values;
  while (auto value = take(key)) values.push_back(std::move(*value));
  return values;
}

std::optional<long> Arguments::take_integer(const std::string& key) {
  const auto text = take(key);
  if (!text) return std::nullopt;
  return static_cast<long>(read_number(key, *text));
}

std::optional<double> Arguments::take_number(const std::string& key) {
  const auto text = take(key);
  if (!text) return std::nullopt;
  return read_number(key, *text);
}

std::vector<Argument> Arguments::left() const {
  std::vector<Argument> left;
  for (const Argument& argument : arguments_) {
    if (!argument.taken) left.push_back(argument);
  }
  return left;
}

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> items(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '\'') quoted = !quoted, items.back() += c;
    else if (c == ',' && !quoted) items.emplace_back();
    else items.back() += c;
  }
  std::erase_if(items, [](const std::string& item) { return item.empty(); });
  return items;
}

std::pair<std::string, std::string> split_pair(const std::string& text) {
  if (!text.empty() && text[0] == '\'') {
    const size_t end = text.find('\'', 1);
    if (end != text.npos) return {text.substr(1, end - 1), text.size() > end + 1 && text[end + 1] == ':' ? text.substr(end + 2) : ""};
  }
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return {text, ""};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

double parse_bytes(const std::string& key, const std::string& text, double unit) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  std::string suffix;
  for (const char* at = end; *at; ++at) suffix += static_cast<char>(std::toupper(static_cast<unsigned char>(*at)));
  if (end == text.c_str()) throw Error{key + ": found '" + text + "', expected a size such as 4096 or 2GiB", true};
  const std::string letters = "KMG";
  double scale = unit;
  if (suffix == "B") {
    scale = 1;
  } else if (!suffix.empty()) {
    const size_t power = letters.find(suffix[0]);
    const std::string rest = suffix.substr(1);
    if (power == letters.npos || (!rest.empty() && rest != "B" && rest != "IB")) {
      throw Error{key + ": invalid unit specifier '" + suffix + "' in '" + text + "', expected B, K, M or G (or KiB, MiB, GiB)", true};
    }
    scale = static_cast<double>(int64_t{1} << (10 * (power + 1)));
  }
  return number * scale;
}

}  // namespace sinter::tool::trtexec
