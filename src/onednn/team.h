// A thread team on OpenMP's threads: a plan with oneDNN steps runs Sinter's own kernels on it too, so that two teams don't fight over
// the cores (design decision 17).
#pragma once

#include <memory>

#include "base/threads.h"

namespace sinter::onednn {

// OpenMP keeps the workers of each calling thread; a team of one caller at a time, as ThreadTeam asks.
std::unique_ptr<ThreadTeam> make_openmp_team(int size);

}  // namespace sinter::onednn
