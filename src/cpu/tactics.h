// The CPU tactics by name, made from tactics.def; and their versions.
#pragma once

#include "tactic/tactic.h"

namespace sinter::cpu {

#define TACTIC(name, version) const Tactic& name();
#include "cpu/tactics.def"
#undef TACTIC

}  // namespace sinter::cpu
