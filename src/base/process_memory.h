// What this process holds in memory.
#pragma once

#include <cstdint>

namespace sinter {

// Bytes of memory that only this process has and that no file backs (heap, stacks): what it adds to the machine's load. Mapped weights do
// not count, the system can drop them. 0 where the system does not say.
int64_t anonymous_memory_bytes();

}  // namespace sinter
