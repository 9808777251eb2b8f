#include "cpu/tactics.h"
#include "tactic/registry.h"

namespace sinter {

void register_cpu_tactics(TacticRegistry& registry) {
#define TACTIC(name, version) registry.add(&cpu::name());
#include "cpu/tactics.def"
#undef TACTIC
}

}  // namespace sinter
