// The CUDA tactics by name; see tactics.def.
#pragma once

#include "tactic/tactic.h"

namespace sinter::cuda {

#define TACTIC(name, version) const Tactic& name();
#include "cuda/tactics.def"
#undef TACTIC

}  // namespace sinter::cuda
