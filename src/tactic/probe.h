// Rates of this machine that times are compared with.
#pragma once

#include "base/threads.h"

namespace sinter {

// f32 operations a second of the team's threads together: multiply-adds (two each) on registers. Takes some tens of milliseconds. Defined by
// src/cpu.
double cpu_flops(ThreadTeam& team);
// Bytes a second that a copy reads and writes, of memory that no cache holds.
double cpu_bandwidth(ThreadTeam& team);

}  // namespace sinter
