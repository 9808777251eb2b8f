// What one reading of a machine says, whatever it was read from: a line of tegrastats, /proc and /sys, or NVML.
// What a source does not tell is absent, never 0.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sinter::tool::monitor {

using Figure = std::optional<double>;

struct Core {
  bool on = true;
  Figure load_pct, mhz;
};

// A GPU ("gpu", "gpu2", ...), the memory's controller ("emc") or another engine ("nvenc", "vic", ...).
struct Engine {
  std::string name;  // lower case
  bool on = true;
  Figure load_pct;
  std::vector<double> mhz;  // one, or one of each GPC
};

struct Temperature {
  std::string name;  // as its source writes it
  Figure celsius;    // absent: the sensor's part is switched off
};

struct Rail {
  std::string name;
  double mw = 0, average_mw = 0;
};

// Memory of a GPU that has its own.
struct DeviceMemory {
  std::string name;  // "gpu", "gpu2"
  double used_mb = 0, total_mb = 0;
};

struct Sample {
  std::string time;  // "" when the line has none
  Figure ram_used_mb, ram_total_mb, lfb_blocks, lfb_block_kb;
  Figure swap_used_mb, swap_total_mb, swap_cached_mb;
  Figure iram_used_kb, iram_total_kb, iram_lfb_kb;
  std::vector<Core> cores;
  std::vector<Engine> engines;
  std::vector<Temperature> temperatures;
  std::vector<Rail> rails;
  std::vector<DeviceMemory> device_memory;
  std::vector<std::string> unknown;  // fields that the parser does not know, as they are

  const Engine* engine(const std::string& name) const;
};

// The flat form: `ram_used_mb`, `gpu_util_pct`, `temp_cpu_c`, `power_vdd_in_mw`, `power_vdd_in_avg_mw`, ... in order. A name that comes twice gets "_2" the
// second time. A part that is switched off has its keys, with no figure.
std::vector<std::pair<std::string, Figure>> flat(const Sample& sample);

}  // namespace sinter::tool::monitor
