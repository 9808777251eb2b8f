// trtexec's grammar of arguments (its reference: docs of the tool's open sample): --key=value or --flag, split at the first '='. Repeated keys
// keep their order. `--key value` is taken too where the flag has a value.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sinter::tool::trtexec {

// What ends the command with a message, its help before it where `usage` says so.
struct Error {
  std::string message;
  bool usage = false;
};

struct Argument {
  std::string key;  // "--onnx"
  std::string value;
  bool taken = false;
};

class Arguments {
 public:
  static Arguments parse(const std::vector<std::string>& words);
  bool has(const std::string& key) const;
  // Takes the first that is left of this key.
  std::optional<std::string> take(const std::string& key);
  // All of them, in order.
  std::vector<std::string> take_all(const std::string& key);
  bool take_flag(const std::string& key) { return take(key).has_value(); }
  // As stoi and stof read them: trailing junk is no matter, no number is an Error.
  std::optional<long> take_integer(const std::string& key);
  std::optional<double> take_number(const std::string& key);
  std::vector<Argument> left() const;
  // In order, for flags whose position matters.
  std::vector<Argument>& all() { return arguments_; }

 private:
  std::vector<Argument> arguments_;
};

// A comma-separated list; commas within single quotes belong to an item, and the quotes go.
std::vector<std::string> split_list(const std::string& text);
// At the last ':' outside of quotes; {text, ""} without one.
std::pair<std::string, std::string> split_pair(const std::string& text);
// "4096", "0.25M", "2GiB", "512MB" as bytes: B, K, M, G, with or without "iB" or "B" behind; a bare number counts `unit` bytes. The unit says what
// it says: "2048MiB" is 2 GiB, not 2048 bytes as in the original.
double parse_bytes(const std::string& key, const std::string& text, double unit);

}  // namespace sinter::tool::trtexec
