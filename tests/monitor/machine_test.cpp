// This machine's figures: from folders that look like /proc and /sys of Jetsons and of others, and from a mock of NVML.
#include "monitor/machine.h"

#include <gtest/gtest.h>

#include <map>

#include "monitor/tegrastats.h"
#include "monitor/view.h"
#include "support/fake_root.h"

namespace sinter::tool::monitor {
namespace {

class MachineTest : public FakeRootTest {
 protected:
  void put_cpu(const char* first, const char* second) {
    put("/proc/stat", std::string("cpu  1 2 3 4\ncpu0 ") + first + "\ncpu1 " + second + "\nintr 5\n");
  }
  void put_memory() {
    put("/proc/meminfo", "MemTotal:        7802880 kB\nMemFree:         1024000 kB\nBuffers:          102400 kB\nCached:          2048000 kB\nSwapCached:         2048 kB\n"
                         "SwapTotal:      12290048 kB\nSwapFree:       12107776 kB\nSReclaimable:     102400 kB\n");
  }
  static std::map<std::string, Figure> keys(const Sample& sample) {
    std::map<std::string, Figure> result;
    for (const auto& [key, figure] : flat(sample)) result[key] = figure;
    return result;
  }
};

TEST_F(MachineTest, OrinOfJetPack6) {
  put_memory();
  put("/proc/buddyinfo", "Node 0, zone      DMA      1      1      0      0\nNode 0, zone   Normal    413    201     22      0\n");
  put_cpu("100 0 100 800 0 0 0 0", "0 0 0 1000 0 0 0 0");
  put("/sys/devices/system/cpu/present", "0-3");
  put("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1510400");
  put("/sys/class/devfreq/17000000.gpu/device/load", "763");
  put("/sys/class/devfreq/17000000.gpu/cur_freq", "624750000");
  put("/sys/class/devfreq/15340000.vic/cur_freq", "115200000");
  put("/sys/kernel/debug/bpmp/debug/clk/emc/rate", "2133000000");
  put("/sys/kernel/debug/cactmon/mc_all", "213300");
  put("/sys/kernel/debug/bpmp/debug/clk/nvenc/rate", "166000000");
  put("/sys/kernel/debug/bpmp/debug/clk/nvenc/state", "0");
  put("/sys/kernel/debug/bpmp/debug/clk/vic/rate", "115200000");
  put("/sys/kernel/debug/bpmp/debug/clk/vic/state", "1");
  put("/sys/class/thermal/thermal_zone0/type", "cpu-thermal");
  put("/sys/class/thermal/thermal_zone0/temp", "51468");
  put("/sys/class/thermal/thermal_zone10/type", "cv0-thermal");
  put("/sys/class/thermal/thermal_zone10/temp", "-256000");
  put("/sys/class/hwmon/hwmon1/name", "ina3221");
  put("/sys/class/hwmon/hwmon1/in1_label", "VDD_IN");
  put("/sys/class/hwmon/hwmon1/in1_input", "5000");
  put("/sys/class/hwmon/hwmon1/curr1_input", "1000");
  Machine machine(root_);
  put_cpu("200 0 150 850 0 0 0 0", "0 0 0 1200 0 0 0 0");
  put("/sys/class/hwmon/hwmon1/curr1_input", "1400");
  auto found = keys(machine.read());
  EXPECT_DOUBLE_EQ(*found.at("ram_total_mb"), 7620);
  EXPECT_DOUBLE_EQ(*found.at("ram_used_mb"), (7802880 - 1024000 - 102400 - 2048000 - 102400) / 1024.0);
  EXPECT_DOUBLE_EQ(*found.at("swap_used_mb"), 178);
  EXPECT_DOUBLE_EQ(*found.at("swap_cached_mb"), 2);
  EXPECT_DOUBLE_EQ(*found.at("lfb_blocks"), 22);
  EXPECT_DOUBLE_EQ(*found.at("cpu0_util_pct"), 75);  // 150 of 200 ticks
  EXPECT_DOUBLE_EQ(*found.at("cpu0_mhz"), 1510.4);
  EXPECT_DOUBLE_EQ(*found.at("cpu1_util_pct"), 0);
  EXPECT_EQ(found.at("cpu3_util_pct"), Figure());
  EXPECT_DOUBLE_EQ(*found.at("gpu_util_pct"), 76.3);
  EXPECT_DOUBLE_EQ(*found.at("gpu_mhz"), 624.75);
  EXPECT_DOUBLE_EQ(*found.at("emc_util_pct"), 10);
  EXPECT_EQ(found.at("nvenc_mhz"), Figure());
  EXPECT_DOUBLE_EQ(*found.at("vic_mhz"), 115.2);
  EXPECT_DOUBLE_EQ(*found.at("temp_cpu_c"), 51.468);
  EXPECT_EQ(found.at("temp_cv0_c"), Figure());
  EXPECT_DOUBLE_EQ(*found.at("power_vdd_in_mw"), 7000);
  put("/sys/class/hwmon/hwmon1/curr1_input", "1000");
  const Sample second = machine.read();
  EXPECT_DOUBLE_EQ(*keys(second).at("power_vdd_in_avg_mw"), 6000);
  // What is written is what tegrastats writes, and reads back.
  const std::string line = tegrastats_line(second);
  EXPECT_NE(line.find("GR3D_FREQ 76%@[625]"), line.npos) << line;
  EXPECT_NE(line.find("CPU [0%@1510,0%,off,off]"), line.npos) << line;
  EXPECT_NE(line.find("NVENC off"), line.npos) << line;
  EXPECT_NE(line.find("VDD_IN 5000mW/6000mW"), line.npos) << line;
  const ParsedLine parsed = parse_tegrastats_line(line);
  ASSERT_TRUE(parsed.ok()) << parsed.problem << "\n" << line;
  EXPECT_TRUE(parsed.sample.unknown.empty()) << line;
  EXPECT_EQ(keys(parsed.sample).size(), keys(second).size());
}

TEST_F(MachineTest, NanoOfJetPack4) {
  put_memory();
  put_cpu("1 0 1 8 0 0 0 0", "1 0 1 8 0 0 0 0");
  put("/sys/devices/57000000.gpu/load", "450");
  put("/sys/class/thermal/thermal_zone1/type", "PLL-therm");
  put("/sys/class/thermal/thermal_zone1/temp", "29000");
  put("/sys/bus/i2c/drivers/ina3221x/6-0040/iio_device0/rail_name_0", "POM_5V_IN");
  put("/sys/bus/i2c/drivers/ina3221x/6-0040/iio_device0/in_power0_input", "1812");
  Machine machine(root_);
  const auto found = keys(machine.read());
  EXPECT_DOUBLE_EQ(*found.at("gpu_util_pct"), 45);
  EXPECT_DOUBLE_EQ(*found.at("temp_pll_c"), 29);
  EXPECT_DOUBLE_EQ(*found.at("power_pom_5v_in_mw"), 1812);
}

TEST_F(MachineTest, RaplCountersAndTheirTurn) {
  put("/sys/class/powercap/intel-rapl:0/name", "package-0");
  put("/sys/class/powercap/intel-rapl:0/max_energy_range_uj", "1000000");
  put("/sys/class/powercap/intel-rapl:0/energy_uj", "990000");
  Machine machine(root_);
  put("/sys/class/powercap/intel-rapl:0/energy_uj", "10000");  // 20 mJ on
  const auto found = keys(machine.read());
  EXPECT_GT(*found.at("power_vdd_package_0_mw"), 0);
  EXPECT_LT(*found.at("power_vdd_package_0_mw"), 20e6);
}

TEST_F(MachineTest, AnEmptyMachineTellsNothingAndFilesOfRubbishDoNoHarm) {
  Machine empty(root_);
  EXPECT_TRUE(flat(empty.read()).empty());
  put("/proc/meminfo", "MemTotal kB\n\n::::");
  put("/proc/stat", "cpu0\ncpu99999999999999999999 1\ncpux\n");
  put("/proc/cpuinfo", "processor : x\ncpu MHz\n:");
  put("/proc/buddyinfo", "Node\n\nNode 0, zone Normal x y\n");
  put("/sys/devices/system/cpu/present", "0-999999999999");
  put("/sys/class/thermal/thermal_zone0/type", "\x01\xff a b");
  put("/sys/class/thermal/thermal_zone0/temp", "hot");
  Machine machine(root_);
  const Sample sample = machine.read();
  EXPECT_LE(sample.cores.size(), 4096u);
  EXPECT_TRUE(sample.temperatures.empty());
}

TEST_F(MachineTest, GpusOfNvml) {
  setenv("SINTER_NVML", MOCK_NVML, 1);
  const auto nvml = Nvml::open();
  unsetenv("SINTER_NVML");
  ASSERT_TRUE(nvml);
  Machine machine(root_, nvml.get());
  const Sample sample = machine.read();
  const auto found = keys(sample);
  EXPECT_DOUBLE_EQ(*found.at("gpu_util_pct"), 76);
  EXPECT_DOUBLE_EQ(*found.at("gpu2_util_pct"), 6);
  EXPECT_DOUBLE_EQ(*found.at("emc_mhz"), 2619);
  EXPECT_DOUBLE_EQ(*found.at("nvenc_util_pct"), 12);
  EXPECT_EQ(found.count("nvdec_util_pct"), 0u);  // the library has no such function
  EXPECT_DOUBLE_EQ(*found.at("gpu_mem_used_mb"), 1024);
  EXPECT_DOUBLE_EQ(*found.at("temp_gpu2_c"), 61);
  EXPECT_DOUBLE_EQ(*found.at("power_vdd_gpu_mw"), 125500);
  EXPECT_EQ(found.count("power_vdd_gpu2_mw"), 0u);
  EXPECT_EQ(throttle_text(*nvml->read()[0].throttle_reasons), "power cap, thermal slowdown");
  EXPECT_EQ(throttle_text(0x3), "");  // idle and the user's own clocks are no throttling
  const ParsedLine parsed = parse_tegrastats_line(tegrastats_line(sample));
  ASSERT_TRUE(parsed.ok()) << parsed.problem;
  EXPECT_TRUE(parsed.sample.unknown.empty());
  EXPECT_NE(view_text(sample, 80).find("gpu2 RAM"), std::string::npos);
}

TEST_F(MachineTest, ALibraryThatIsNoneIsNone) {
  setenv("SINTER_NVML", "/nonexistent/nvml.so", 1);
  EXPECT_FALSE(Nvml::open());
  unsetenv("SINTER_NVML");
}

}  // namespace
}  // namespace sinter::tool::monitor
