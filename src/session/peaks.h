// The machine's peaks: what no kernel can beat by much, measured by a short probe and kept in the user's cache.
#pragma once

#include <map>
#include <string>

#include "tactic/device.h"

namespace sinter::session {

struct Peaks {
  std::string device;                   // model and what else the figures depend on: the key in the cache
  double bandwidth = 0;                 // bytes a second
  std::map<std::string, double> flops;  // by dense_type (core/work.h): "f32" always
  bool cached = false;
};

// CPU: a copy and a loop of multiply-adds on `threads` threads. GPU: a copy within its memory and, for each type, a large product by our own
// tactics as the tuner times it. `refresh`: measured whatever the cache holds.
Result<Peaks> measure_peaks(DeviceId device, int threads, bool refresh);
std::string to_json(const Peaks& peaks);

}  // namespace sinter::session
