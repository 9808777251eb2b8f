// What makes a measurement worth less: settings and events, in folders that look like machines.
#include "monitor/conditions.h"

#include <gtest/gtest.h>

#include "support/fake_root.h"

namespace sinter::tool::monitor {
namespace {

class ConditionsTest : public FakeRootTest {
 protected:
  static const Finding* find(const std::vector<Finding>& findings, const std::string& kind) {
    for (const Finding& finding : findings) {
      if (finding.kind == kind) return &finding;
    }
    return nullptr;
  }
};

TEST_F(ConditionsTest, AMachineThatTellsNothingGivesNoWarning) {
  EXPECT_TRUE(check_settings(root_, true).empty());
  EXPECT_TRUE(check_stretch(read_counters(root_, nullptr), read_counters(root_, nullptr), 10).empty());
  EXPECT_FALSE(trip_celsius(root_));
}

TEST_F(ConditionsTest, GovernorAndTurbo) {
  put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave");
  put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq", "800000");
  put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "3600000");
  put("/sys/devices/system/cpu/intel_pstate/no_turbo", "0");
  put("/sys/firmware/acpi/platform_profile", "balanced");
  const auto findings = check_settings(root_, false);
  ASSERT_TRUE(find(findings, "governor"));
  EXPECT_NE(find(findings, "governor")->text.find("powersave"), std::string::npos);
  EXPECT_NE(find(findings, "governor")->fix.find("cpupower frequency-set -g performance"), std::string::npos);
  ASSERT_TRUE(find(findings, "turbo"));
  ASSERT_TRUE(find(findings, "profile"));
  // With fixed clocks the governor does not matter.
  put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq", "3600000");
  EXPECT_FALSE(find(check_settings(root_, false), "governor"));
  put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq", "800000");
  put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance");
  EXPECT_FALSE(find(check_settings(root_, false), "governor"));
}

TEST_F(ConditionsTest, PowerModesOfJetsons) {
  put("/etc/nvpmodel.conf", "# < comment >\n< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=1 NAME=25W >\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< POWER_MODEL ID=3 NAME=7W >");
  put("/var/lib/nvpmodel/status", "pmode:0001");
  put("/sys/class/devfreq/17000000.gpu/min_freq", "306000000");
  put("/sys/class/devfreq/17000000.gpu/max_freq", "1020000000");
  auto findings = check_settings(root_, true);
  ASSERT_TRUE(find(findings, "power_mode"));
  EXPECT_EQ(find(findings, "power_mode")->fix, "sudo nvpmodel -m 2");
  EXPECT_NE(find(findings, "power_mode")->text.find("25W"), std::string::npos);
  ASSERT_TRUE(find(findings, "clocks"));
  EXPECT_EQ(find(findings, "clocks")->fix, "sudo jetson_clocks");
  EXPECT_FALSE(find(check_settings(root_, false), "clocks"));  // the work is done on the processor
  put("/var/lib/nvpmodel/status", "pmode:0002");
  put("/sys/class/devfreq/17000000.gpu/min_freq", "1020000000");
  EXPECT_TRUE(check_settings(root_, true).empty());
  // Without MAXN the most watts are the highest.
  put("/etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=7W >\n< POWER_MODEL NAME= >\n< POWER_MODEL");
  put("/var/lib/nvpmodel/status", "pmode:0001");
  ASSERT_TRUE(find(check_settings(root_, true), "power_mode"));
  EXPECT_EQ(find(check_settings(root_, true), "power_mode")->fix, "sudo nvpmodel -m 0");
}

TEST_F(ConditionsTest, EventsBetweenTwoReadings) {
  put("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "5");
  put("/sys/fs/cgroup/cpu.stat", "usage_usec 100\nnr_throttled 7");
  put("/sys/class/hwmon/hwmon3/oc2_event_cnt", "0");
  put("/proc/stat", "cpu 1000 0 0 9000 0 0 0 0");
  const Counters before = read_counters(root_, nullptr);
  EXPECT_TRUE(check_stretch(before, before, 1).empty());
  put("/sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "8");
  put("/sys/fs/cgroup/cpu.stat", "usage_usec 100\nnr_throttled 9");
  put("/sys/class/hwmon/hwmon3/oc2_event_cnt", "1");
  put("/proc/stat", "cpu 1150 0 0 9100 0 0 0 50");  // 1.5 s busy, 0.5 s stolen
  const auto findings = check_stretch(before, read_counters(root_, nullptr), 1);
  EXPECT_EQ(findings.size(), 5u);
  std::string all;
  for (const Finding& finding : findings) all += finding.kind + ": " + finding.text + "\n";
  for (const char* part : {"clocks 3 times", "quota ran out 2 times", "thermal limit", "other processes took 1", "took 50 % of a core away"}) {
    EXPECT_NE(all.find(part), all.npos) << part << "\n" << all;
  }
}

TEST_F(ConditionsTest, GpusOfNvml) {
  setenv("SINTER_NVML", MOCK_NVML, 1);
  const auto nvml = Nvml::open();
  unsetenv("SINTER_NVML");
  ASSERT_TRUE(nvml);
  Counters before = read_counters(root_, nvml.get());
  const auto findings = check_stretch(before, before, 1);
  ASSERT_EQ(findings.size(), 1u);  // the first GPU's power cap
  EXPECT_EQ(findings[0].kind, "throttled");
  EXPECT_NE(findings[0].text.find("power cap"), std::string::npos);
  const Counters after = before;
  before.gpus[1].mhz = 210;
  const auto moved = check_stretch(before, after, 1);
  ASSERT_TRUE(find(moved, "clocks"));
  EXPECT_NE(find(moved, "clocks")->fix.find("nvidia-smi -i 1 -lgc 1980"), std::string::npos);
}

TEST_F(ConditionsTest, TripPoints) {
  put("/sys/class/thermal/thermal_zone0/trip_point_0_type", "critical");
  put("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "105000");
  put("/sys/class/thermal/thermal_zone0/trip_point_1_type", "passive");
  put("/sys/class/thermal/thermal_zone0/trip_point_1_temp", "95000");
  put("/sys/class/thermal/thermal_zone1/trip_point_0_type", "active");
  put("/sys/class/thermal/thermal_zone1/trip_point_0_temp", "50000");
  EXPECT_EQ(trip_celsius(root_), Figure(95));
}

}  // namespace
}  // namespace sinter::tool::monitor
