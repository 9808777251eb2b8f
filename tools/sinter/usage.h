// Usage errors: one line that says what was found, the nearest thing that exists, and where the help is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace sinter::tool {

// The name with the fewest edits (at most a third of its length, and one); "" when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& names);

// Throws CLI::ParseError when the first argument is a word that is no command.
void check_command(const CLI::App& app, int argc, char** argv);

// "sinter build: unknown option '--thread'; did you mean '--threads'? 'sinter build --help' lists them".
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace sinter::tool
