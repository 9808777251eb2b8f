// Readings of the machine while bench runs, and what they say of it.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "monitor/machine.h"
#include "options.h"

namespace sinter::tool {

class Sampler {
 public:
  Sampler(int interval_ms, const monitor::Nvml* nvml);
  ~Sampler();
  std::vector<monitor::Sample> stop();

 private:
  std::atomic<bool> stopping_{false};
  std::vector<monitor::Sample> samples_;
  std::thread thread_;
};

// States throttling and headroom in text, JSON ("monitor") and charts. `findings`: what the counters said.
void put_samples(const std::vector<monitor::Sample>& samples, const std::vector<monitor::Finding>& findings, const BenchOptions& options, BenchReport& report);

// The highest clock of the cores and the highest temperature of a sample; absent where it has none.
monitor::Figure fastest_core(const monitor::Sample& sample);
monitor::Figure warmest(const monitor::Sample& sample);

}  // namespace sinter::tool
