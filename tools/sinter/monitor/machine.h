// The figures of this machine from /proc and /sys (on a Jetson those that tegrastats reads) and, where there is a driver, from NVML.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nvml.h"
#include "sample.h"

namespace sinter::tool::monitor {

// What stands before every path of /proc, /sys and so on: SINTER_SYSTEM_ROOT, as in the libraries, else nothing.
std::string system_root();
// What a file of /proc or /sys says, without its last newline; "" when it can't be read.
std::string text_of_file(const std::string& path);
// A number at the beginning of the file.
Figure number_of_file(const std::string& path);
// Names in a folder, sorted; none when there is no such folder.
std::vector<std::string> names_in(const std::string& folder);

// Not thread safe: one reader.
class Machine {
 public:
  // `root` stands before every path, for tests; `nvml` may be none.
  explicit Machine(std::string root = "", const Nvml* nvml = nullptr);
  // Loads and powers from counters are those since the reading before. What takes rights that this user lacks is absent.
  Sample read();

 private:
  struct Ticks {
    uint64_t busy = 0, all = 0;
  };
  struct Average {
    double sum = 0;
    int64_t count = 0;
  };
  void read_memory(Sample& sample) const;
  void read_largest_block(Sample& sample) const;
  void read_cores(Sample& sample);
  void read_tegra_engines(Sample& sample) const;
  void read_tegra_gpu(Sample& sample) const;
  void read_temperatures(Sample& sample) const;
  void read_ina_rails(Sample& sample);
  void read_rapl(Sample& sample, double seconds);
  void read_nvml(Sample& sample);
  void add_rail(Sample& sample, const std::string& name, double mw);

  std::string root_;
  const Nvml* nvml_;
  std::map<int, Ticks> ticks_;
  std::map<std::string, double> energy_uj_;
  std::map<std::string, Average> averages_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace sinter::tool::monitor
