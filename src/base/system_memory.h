// The memory of the whole machine: what is there, what a board may still give away, who holds it, and what to do when
// it is spent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sinter {

struct SystemMemory {  // bytes; 0 where the system does not say
  int64_t total = 0, available = 0, swap_total = 0, swap_free = 0;
};
SystemMemory read_system_memory(const std::string& root);

struct MemoryHolder {
  std::string name;
  int pid = 0;
  int64_t bytes = 0;  // resident, and what an integrated GPU's driver holds for it where this user may read that
};
// The processes that hold most, the largest first.
std::vector<MemoryHolder> largest_processes(const std::string& root, size_t most);
// Processes of a desktop that run, the largest first.
std::vector<MemoryHolder> desktop_processes(const std::string& root);

// Bytes that may be taken of memory that processor and GPU share: what is available (MemAvailable: without what the
// kernel would drop) less a margin for the rest of the system. At least 0; INT64_MAX where the system does not say. A
// driver's own figure counts the file cache as taken, and lets programs take so much that the kernel ends one of them.
int64_t memory_budget(const std::string& root);
// On a Jetson: is there room for so many bytes? The error (kOutOfMemory) names what asked, what is free and who holds
// the rest. Elsewhere ok.
Status check_memory_budget(int64_t bytes, std::string_view what);
// What follows "out of memory": who holds it, and the remedies. Ends without a full stop.
std::string memory_advice(const std::string& root);
// The remedies alone that hold for any machine.
std::string_view memory_remedies();

}  // namespace sinter
