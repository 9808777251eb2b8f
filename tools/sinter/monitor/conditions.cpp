#include "conditions.h"

#include <sys/resource.h>
#include <unistd.h>

#include <sinter/sinter.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "machine.h"

namespace sinter::tool::monitor {
namespace {

// Processor time that others may take of a quiet machine, as a share of one core.
constexpr double kQuietShare = 0.10;
constexpr double kClockSpread = 0.05;

std::string printed(const char* format, auto... values) {
  char text[300];
  std::snprintf(text, sizeof(text), format, values...);
  return text;
}

void check_governor(const std::string& root, std::vector<Finding>& findings) {
  const std::string folder = root + "/sys/devices/system/cpu/";
  std::map<std::string, int> governors;
  bool moving = false;
  for (const std::string& name : names_in(folder)) {
    if (!name.starts_with("cpu") || name.find_first_not_of("0123456789", 3) != name.npos || name.size() == 3) continue;
    const std::string frequency = folder + name + "/cpufreq/";
    const std::string governor = text_of_file(frequency + "scaling_governor");
    if (!governor.empty()) ++governors[governor];
    const Figure least = number_of_file(frequency + "scaling_min_freq"), most = number_of_file(frequency + "scaling_max_freq");
    moving = moving || (least && most && *least < *most);
  }
  if (!moving) return;  // clocks are fixed, or the machine does not tell
  for (const auto& [governor, cores] : governors) {
    if (governor == "performance") continue;
    findings.push_back({"governor", printed("the processor's clock governor is '%s' on %d core%s, not 'performance'", governor.c_str(), cores, cores == 1 ? "" : "s"),
                        "sudo cpupower frequency-set -g performance   # or: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"});
  }
}

void check_turbo(const std::string& root, std::vector<Finding>& findings) {
  const char* const text = "turbo clocks are on: they fall as the processor warms up";
  if (number_of_file(root + "/sys/devices/system/cpu/intel_pstate/no_turbo") == Figure(0)) {
    findings.push_back({"turbo", text, "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo"});
  } else if (number_of_file(root + "/sys/devices/system/cpu/cpufreq/boost") == Figure(1)) {
    findings.push_back({"turbo", text, "echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"});
  }
}

// By what the board says of itself (sinter_board_json).
void check_jetson(const std::string& root, std::vector<Finding>& findings) {
  char* text = nullptr;
  if (sinter_board_json(root.c_str(), &text) != SINTER_OK) return;
  const auto board = nlohmann::json::parse(std::unique_ptr<char, void (*)(void*)>(text, sinter_free).get());
  const auto &current = board.at("power_mode"), &highest = board.at("highest_power_mode"),
             &clock = board.at("gpu_clock");
  if (!current.is_null() && current.at("id") != highest.at("id")) {
    findings.push_back({"power_mode",
                        "the power mode is " + current.at("name").get<std::string>() + ", not the highest, " +
                            highest.at("name").get<std::string>(),
                        "sudo nvpmodel -m " + std::to_string(highest.at("id").get<int>())});
  }
  if ((!board.at("jetson").get<bool>() && highest.is_null()) || clock.is_null()) return;
  const double least = clock.at("min_hz"), most = clock.at("max_hz");
  if (least < most)
    findings.push_back({"clocks", printed("the GPU's clock moves between %.0f and %.0f MHz", least / 1e6, most / 1e6),
                        "sudo jetson_clocks"});
}

double sum_over_cores(const std::string& root, const char* file, bool& any) {
  double sum = 0;
  const std::string folder = root + "/sys/devices/system/cpu/";
  for (const std::string& name : names_in(folder)) {
    const Figure count = name.starts_with("cpu") ? number_of_file(folder + name + file) : Figure();
    if (!count) continue;
    sum += *count;
    any = true;
  }
  return sum;
}

void check_gpus(const Counters& before, const Counters& after, std::vector<Finding>& findings) {
  for (size_t i = 0; i < after.gpus.size(); ++i) {
    const GpuReading& gpu = after.gpus[i];
    const std::string reasons = throttle_text(gpu.throttle_reasons.value_or(0));
    if (!reasons.empty()) {
      findings.push_back({"throttled", "GPU " + std::to_string(i) + " (" + gpu.name + ") lowers its clocks: " + reasons,
                          gpu.limit_mw ? printed("nvidia-smi -i %zu -q -d PERFORMANCE,TEMPERATURE,POWER", i) : std::string()});
    }
    const Figure idle = i < before.gpus.size() ? before.gpus[i].mhz : Figure();
    if (!idle || !gpu.mhz || !gpu.max_mhz || *gpu.mhz <= 0) continue;
    if (std::abs(*gpu.mhz - *idle) <= kClockSpread * *gpu.mhz) continue;
    findings.push_back({"clocks", printed("the clock of GPU %zu was %.0f MHz before and %.0f after: it is not fixed", i, *idle, *gpu.mhz),
                        printed("sudo nvidia-smi -i %zu -lgc %.0f   # and afterwards: sudo nvidia-smi -i %zu -rgc", i, *gpu.max_mhz, i)});
  }
}

}  // namespace

std::vector<Finding> check_settings(const std::string& root, bool gpu) {
  std::vector<Finding> findings;
  check_governor(root, findings);
  check_turbo(root, findings);
  const std::string profile = text_of_file(root + "/sys/firmware/acpi/platform_profile");
  if (!profile.empty() && profile != "performance") {
    findings.push_back({"profile", "the platform's power profile is '" + profile.substr(0, 40) + "'", "powerprofilesctl set performance"});
  }
  check_jetson(root, findings);
  if (!gpu) std::erase_if(findings, [](const Finding& finding) { return finding.kind == "clocks"; });
  return findings;
}

Counters read_counters(const std::string& root, const Nvml* nvml) {
  Counters counters;
  bool any = false;
  const double throttles = sum_over_cores(root, "/thermal_throttle/core_throttle_count", any);
  if (any) counters.throttles = throttles;
  std::istringstream quota(text_of_file(root + "/sys/fs/cgroup/cpu.stat"));
  double value = 0;
  for (std::string key; quota >> key >> value;) {
    if (key == "nr_throttled") counters.quota_throttles = value;
  }
  const std::string monitors = root + "/sys/class/hwmon/";
  for (const std::string& monitor : names_in(monitors)) {
    for (const char* event : {"oc1", "oc2", "oc3"}) {
      const Figure count = number_of_file(monitors + monitor + "/" + event + "_event_cnt");
      if (count) counters.over_current = counters.over_current.value_or(0) + *count;
    }
  }
  std::istringstream stat(text_of_file(root + "/proc/stat"));
  std::string word;
  double ticks[8] = {};
  stat >> word;
  for (double& column : ticks) stat >> column;
  const double hertz = static_cast<double>(sysconf(_SC_CLK_TCK));
  counters.busy_s = (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / hertz;
  counters.steal_s = ticks[7] / hertz;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); };
  counters.own_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  if (nvml) counters.gpus = nvml->read();
  return counters;
}

std::vector<Finding> check_stretch(const Counters& before, const Counters& after, double seconds) {
  std::vector<Finding> findings;
  const auto grew = [](const Figure& from, const Figure& to) { return from && to ? *to - *from : 0.0; };
  if (const double events = grew(before.throttles, after.throttles); events > 0) {
    findings.push_back({"throttled", printed("the processor grew too warm and lowered its clocks %.0f times", events), "sensors   # cool it, or lower its clocks to what it can keep"});
  }
  if (const double events = grew(before.quota_throttles, after.quota_throttles); events > 0) {
    findings.push_back({"throttled", printed("the container's processor quota ran out %.0f times", events), "docker update --cpus N CONTAINER   # or fewer --threads"});
  }
  if (const double events = grew(before.over_current, after.over_current); events > 0) {
    findings.push_back({"throttled", printed("the module's power or thermal limit lowered its clocks %.0f times", events), "sudo nvpmodel -q   # a larger supply, or a lower power mode"});
  }
  const double others = (after.busy_s - before.busy_s) - (after.own_s - before.own_s), steal = after.steal_s - before.steal_s;
  // Ticks are hundredths of a second: short stretches tell nothing.
  if (seconds >= 0.2 && others > kQuietShare * seconds + 0.05) {
    findings.push_back({"noisy", printed("other processes took %.0f %% of a core", 100 * others / seconds), "top -o %CPU   # end what is not needed, or pin with taskset -c"});
  }
  if (seconds >= 0.2 && steal > kQuietShare * seconds / 5 + 0.02) {
    findings.push_back({"noisy", printed("the host of this virtual machine took %.0f %% of a core away", 100 * steal / seconds), ""});
  }
  check_gpus(before, after, findings);
  return findings;
}

Figure trip_celsius(const std::string& root) {
  Figure least;
  const std::string zones = root + "/sys/class/thermal/";
  for (const std::string& zone : names_in(zones)) {
    for (int i = 0; i < 12; ++i) {
      const std::string base = zones + zone + "/trip_point_" + std::to_string(i);
      const std::string type = text_of_file(base + "_type");
      const Figure temperature = number_of_file(base + "_temp");
      if ((type == "passive" || type == "hot" || type == "critical") && temperature && *temperature > 20000) {
        least = std::min(least.value_or(1e9), *temperature / 1000);
      }
    }
  }
  return least;
}

}  // namespace sinter::tool::monitor
