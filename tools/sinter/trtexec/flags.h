// Every flag of trtexec's generations 7 to 11: one row each.
#pragma once

#include <string>
#include <vector>

namespace sinter::tool::trtexec {

struct Flag {
  const char* name;
  bool has_value;
  int first, last;      // generations (7 to 11) that know it
  const char* help;     // what it does here
  const char* nothing;  // not null: accepted, has no meaning here, and this line says why
};

const std::vector<Flag>& flags();
const Flag* find_flag(const std::string& name);
// The names, for the nearest one to a mistake.
std::vector<std::string> flag_names();
std::string help_text();

}  // namespace sinter::tool::trtexec
