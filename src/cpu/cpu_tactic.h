// What every tactic of src/cpu begins with. One file of src/cpu named in tactics.def is one tactic: a class derived from
// CpuTactic and the line SINTER_CPU_TACTIC(file_name, ClassName) at its end.
#pragma once

#include <memory>
#include <string>

#include "cpu/tactics.h"
#include "tactic/offer_helpers.h"

namespace sinter::cpu {

class CpuTactic : public Tactic {
 public:
  CpuTactic(const char* id, int version) : id_(id), version_(version) {}
  std::string_view id() const final { return id_; }
  int version() const final { return version_; }

 private:
  const char* id_;
  int version_;
};

// Versions, as tactics.def states them.
namespace tactic_version {
#define TACTIC(name, version) inline constexpr int name = version;
#include "cpu/tactics.def"
#undef TACTIC
}  // namespace tactic_version

#define SINTER_CPU_TACTIC(name, Class)                                  \
  const Tactic& name() {                                                \
    static const Class tactic("cpu." #name, tactic_version::name);      \
    return tactic;                                                      \
  }

// Channels in a block of the layout; 1 for layouts without blocks.
constexpr int64_t channel_block(Layout layout) {
  return layout == Layout::kChannelsBlocked16 ? 16 : layout == Layout::kChannelsBlocked8 ? 8 : 1;
}

}  // namespace sinter::cpu
