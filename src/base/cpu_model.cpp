#include "base/cpu_model.h"

#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace sinter {
namespace {

struct ArmCore {
  std::string_view part, name;
};
// Of implementer 0x41 (Arm Ltd), as its technical reference manuals give the main ID register.
constexpr ArmCore kArmCores[] = {{"0xd03", "Cortex-A53"},   {"0xd05", "Cortex-A55"},    {"0xd07", "Cortex-A57"},    {"0xd08", "Cortex-A72"},    {"0xd0b", "Cortex-A76"},
                                 {"0xd0c", "Neoverse-N1"}, {"0xd40", "Neoverse-V1"}, {"0xd41", "Cortex-A78"}, {"0xd42", "Cortex-A78AE"}, {"0xd49", "Neoverse-N2"},
                                 {"0xd4f", "Neoverse-V2"}};

std::string core_name(const std::string& implementer, const std::string& part) {
  for (const ArmCore& core : kArmCores) {
    if (implementer == "0x41" && part == core.part) return std::string(core.name);
  }
  return fmt::format("Arm core {}:{}", implementer, part);
}

// What follows "KEY<spaces>: " if the line is of that key.
bool value_of(const std::string& line, std::string_view key, std::string& value) {
  const size_t colon = line.find(':');
  if (colon == line.npos || line.compare(0, key.size(), key) != 0 || line.find_first_not_of(" \t", key.size()) != colon) return false;
  const size_t begin = line.find_first_not_of(" \t", colon + 1);
  value = begin == line.npos ? "" : line.substr(begin);
  return true;
}

}  // namespace

std::string cpu_model(std::istream& cpuinfo) {
  std::string implementer, part, model, text;
  std::vector<std::string> cores;
  for (std::string line; std::getline(cpuinfo, line);) {
    if (value_of(line, "model name", model)) return model;
    if (value_of(line, "CPU implementer", implementer) || !value_of(line, "CPU part", part)) continue;
    const std::string name = core_name(implementer, part);
    bool known = false;
    for (const std::string& core : cores) known = known || core == name;
    if (!known) cores.push_back(name);
  }
  for (const std::string& core : cores) text += (text.empty() ? "" : " + ") + core;
  return text;
}

}  // namespace sinter
