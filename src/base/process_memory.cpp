#include "base/process_memory.h"

#include <cstdio>
#include <cstring>

namespace sinter {

int64_t anonymous_memory_bytes() {
  std::FILE* file = std::fopen("/proc/self/status", "re");
  if (!file) return 0;
  char line[256];
  long long kib = 0;
  while (std::fgets(line, sizeof line, file)) {
    if (std::sscanf(line, "RssAnon: %lld kB", &kib) == 1) break;
  }
  std::fclose(file);
  return kib * 1024;
}

}  // namespace sinter
