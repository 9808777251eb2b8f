// The bound on the builder's own memory (--max-build-memory); without one, what a board may give away.
#pragma once

#include <string_view>

#include "base/status.h"

namespace sinter::builder {

class MemoryBudget {
 public:
  // `baseline_bytes`: what the process held before the work began; it is not the builder's.
  MemoryBudget(int64_t limit_bytes, int64_t baseline_bytes) : limit_(limit_bytes), baseline_(baseline_bytes) {}
  // Is there room for so many bytes more than the process holds now? The error (kOutOfMemory) says what held and what was needed.
  Status check(int64_t more_bytes, std::string_view what) const;

 private:
  int64_t limit_, baseline_;
};

}  // namespace sinter::builder
