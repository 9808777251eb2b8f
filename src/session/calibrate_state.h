// What a calibration has counted so far, in a file: an interrupted one goes on from there.
#pragma once

#include "session/collector.h"

namespace sinter::session {

struct CalibrateState {
  std::string key;          // of the model, the data and how it is fed: another key's file is no use
  int64_t position = 0;     // samples of the dataset that are done, damaged ones included
  int64_t samples = 0, skipped = 0;
};

Status save_state(const std::string& path, const CalibrateState& state, const Collector& collector);
// nullopt: no file, or one of another key. A damaged file is an error that says to remove it.
Result<std::optional<CalibrateState>> load_state(const std::string& path, const std::string& key, Collector& collector);

}  // namespace sinter::session
