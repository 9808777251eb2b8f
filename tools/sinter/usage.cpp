#include "usage.h"

#include <algorithm>
#include <numeric>

namespace sinter::tool {
namespace {

// Levenshtein's distance, one row of the table at a time.
size_t edits(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0]++;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] != b[j]);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const std::string near = nearest(word, names);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& names) {
  std::string best;
  size_t fewest = word.size() / 3 + 2;
  for (const std::string& name : names) {
    const size_t distance = edits(word, name);
    if (distance < fewest) {
      fewest = distance;
      best = name;
    }
  }
  return best;
}

void check_command(const CLI::App& app, int argc, char** argv) {
  if (argc < 2 || argv[1][0] == '-') return;
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands(nullptr)) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), argv[1]) != names.end()) return;
  throw CLI::ParseError("unknown command '" + std::string(argv[1]) + "'" + suggestion(argv[1], names), CLI::ExitCodes::ExtrasError);
}

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  std::string name = app.get_name(), what = error.what();
  const CLI::App* command = &app;
  for (auto chosen = app.get_subcommands(); !chosen.empty(); chosen = command->get_subcommands()) {
    command = chosen.front();
    name += " " + command->get_name();
  }
  const std::vector<std::string> extra = command->remaining();
  if (!extra.empty()) {
    const bool option = extra.front().starts_with("-");
    what = option ? "unknown option '" + extra.front() + "'" + suggestion(extra.front().substr(0, extra.front().find('=')), option_names(*command))
                  : "found '" + extra.front() + "', expected no further argument";
  }
  const char* separator = what.ends_with("?") || what.ends_with(".") ? " " : "; ";
  return name + ": " + what + separator + "see '" + name + " --help'";
}

}  // namespace sinter::tool
