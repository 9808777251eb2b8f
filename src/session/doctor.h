// What this machine offers Sinter, what is missing and how to get it: `sinter doctor`.
#pragma once

#include <string>
#include <vector>

#include "session/board.h"

namespace sinter::session {

struct DoctorLine {
  enum class Kind { kInfo, kGood, kMissing } kind = Kind::kInfo;
  std::string topic, text;
  std::string remedy;  // what to do, where there is something: with kMissing how to get it
};

// Its files of /proc, /sys and so on are read under system_root() (base/system_files.h).
std::vector<DoctorLine> examine_machine();
// A Jetson's lines, none for other machines; memory, swap and desktop, for any.
std::vector<DoctorLine> examine_board(const Board& board);
std::vector<DoctorLine> examine_memory(const Board& board);
std::string to_text(const std::vector<DoctorLine>& lines);
std::string to_json(const std::vector<DoctorLine>& lines);

}  // namespace sinter::session
