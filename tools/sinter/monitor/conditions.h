// What makes a measurement on this machine worth less: settings that let clocks move, and what happened while it ran.
#pragma once

#include <string>
#include <vector>

#include "machine.h"
#include "nvml.h"
#include "sample.h"

namespace sinter::tool::monitor {

struct Finding {
  std::string kind;  // "governor", "turbo", "clocks", "power_mode", "profile", "throttled", "noisy"
  std::string text;  // what was found
  std::string fix;   // the command that would mend it; "" when there is none
};

// Settings of the processor and, of a Jetson, its power mode and clocks. `gpu`: the work is done on a GPU.
std::vector<Finding> check_settings(const std::string& root, bool gpu);

// Counters that tell whether a stretch of time was quiet. Figures that a machine does not have are absent.
struct Counters {
  Figure throttles;          // thermal events of the processor, all cores
  Figure quota_throttles;    // of the control group's processor quota
  Figure over_current;       // events of a Jetson's over-current and thermal hardware
  double busy_s = 0, steal_s = 0, own_s = 0;  // processor time since the start: of all, taken by the host, of this process
  std::vector<GpuReading> gpus;
};
Counters read_counters(const std::string& root, const Nvml* nvml);

// What happened between two readings, `seconds` apart.
std::vector<Finding> check_stretch(const Counters& before, const Counters& after, double seconds);

// The lowest temperature at which this machine lowers its clocks, by its thermal zones.
Figure trip_celsius(const std::string& root);

}  // namespace sinter::tool::monitor
