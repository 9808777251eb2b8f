#include "builder/memory_budget.h"

#include <algorithm>

#include "base/process_memory.h"
#include "base/system_memory.h"

namespace sinter::builder {

Status MemoryBudget::check(int64_t more_bytes, std::string_view what) const {
  if (limit_ == INT64_MAX) return check_memory_budget(more_bytes, what);
  constexpr double kMiB = 1024.0 * 1024.0;
  const int64_t held = std::max<int64_t>(0, anonymous_memory_bytes() - baseline_);
  if (held <= limit_ && more_bytes <= limit_ - held) return ok_status();
  return make_error(Code::kOutOfMemory,
                    "{}: the builder holds {:.1f} MiB and needs {:.1f} MiB more, --max-build-memory allows {:.1f} MiB; raise it, or build on "
                    "another machine",
                    what, static_cast<double>(held) / kMiB, static_cast<double>(more_bytes) / kMiB, static_cast<double>(limit_) / kMiB);
}

}  // namespace sinter::builder
