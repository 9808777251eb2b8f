// The samples that a target of accuracy is measured on.
#pragma once

#include "session/accuracy.h"
#include "session/calibrate.h"

namespace sinter::session {

// Opens calibrate.data with its preprocessing, and runs the reference over at most `most` samples. `labels`: a file (data/labels.h); "": none.
Result<AccuracyProbe> open_probe(const std::shared_ptr<const runtime::Engine>& reference, const CalibrateOptions& calibrate, const std::string& labels, int threads,
                                 int64_t most);

}  // namespace sinter::session
