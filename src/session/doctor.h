// What this machine offers Sinter, what is missing and how to get it: `sinter doctor`.
#pragma once

#include <string>
#include <vector>

namespace sinter::session {

struct DoctorLine {
  enum class Kind { kInfo, kGood, kMissing } kind = Kind::kInfo;
  std::string topic, text;
  std::string remedy;  // kMissing: how to get it
};

std::vector<DoctorLine> examine_machine();
std::string to_text(const std::vector<DoctorLine>& lines);
std::string to_json(const std::vector<DoctorLine>& lines);

}  // namespace sinter::session
