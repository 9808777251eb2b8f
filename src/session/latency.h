// A target of time: the usual decision tree. The fastest of the permitted floats first (f16 where the device gains from it); int8 only if that misses the
// target, with as many layers in float as a target of accuracy needs. When nothing meets both, an error has what was tried and how near it came.
#pragma once

#include "session/mixed_precision.h"

namespace sinter::session {

struct LatencyOptions {
  double most_ms = 0;
  // The target of accuracy, which may be empty; samples for it and for calibration.
  MixedOptions mixed;
  bool has_target() const { return mixed.target.max_drop || mixed.target.min_cosine; }
};

// f16 and, with ranges or samples, int8 are permitted by the target itself. kUnsupported: no engine meets it.
Result<BuildOutcome> build_for_latency(const BuildRequest& request, const LatencyOptions& options);

}  // namespace sinter::session
