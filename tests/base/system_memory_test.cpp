// What a board's memory allows and who holds it, from trees that look like a machine's /proc.
#include "base/system_memory.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "support/fake_root.h"

namespace sinter {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

class SystemMemoryTest : public FakeRootTest {
 protected:
  void put_memory(int64_t total_mib, int64_t free_mib, int64_t available_mib) {
    put("/proc/meminfo",
        fmt::format("MemTotal: {} kB\nMemFree: {} kB\nMemAvailable: {} kB\nSwapTotal: 1024 kB\nSwapFree: 512 kB\n",
                    total_mib * 1024, free_mib * 1024, available_mib * 1024));
  }
  void put_process(int pid, const std::string& name, int64_t mib) {
    put("/proc/" + std::to_string(pid) + "/status",
        fmt::format("Name:\t{}\nState:\tS\nVmPeak:\t9999999 kB\nVmRSS:\t{} kB\n", name, mib * 1024));
  }
  void put_jetson() { put("/proc/device-tree/compatible", "nvidia,p3767-0005\nnvidia,tegra234"); }
};

TEST_F(SystemMemoryTest, the_budget_is_what_is_available_less_a_margin) {
  EXPECT_EQ(memory_budget(root_), INT64_MAX);  // a system that does not say
  put_memory(7620, 300, 5000);                 // most of it is the file cache, which the kernel drops
  EXPECT_EQ(memory_budget(root_), 5000 * kMiB - 7620 * kMiB / 32);
  put_memory(7620, 300, 100);
  EXPECT_EQ(memory_budget(root_), 0);
  put_memory(2000, 300, 1000);
  EXPECT_EQ(memory_budget(root_), (1000 - 128) * kMiB);
  put_memory(128000, 300, 100000);
  EXPECT_EQ(memory_budget(root_), (100000 - 1024) * kMiB);
  const SystemMemory memory = read_system_memory(root_);
  EXPECT_EQ(memory.total, 128000 * kMiB);
  EXPECT_EQ(memory.swap_total - memory.swap_free, 512 * 1024);
}

TEST_F(SystemMemoryTest, the_largest_processes_with_what_the_gpu_s_driver_holds_for_them) {
  put_process(1, "systemd", 12);
  put_process(812, "python3", 900);
  put_process(901, "gnome-shell", 350);
  put_process(44, "Web Content", 600);
  put("/proc/77/status", "Name:\tkworker/0:1\nState:\tI");  // a thread of the kernel has no memory
  put("/proc/self/status", "Name:\tx\nVmRSS:\t99999999 kB");
  put("/proc/12345/status", "rubbish");
  put("/sys/kernel/debug/nvmap/iovmm/clients",
      "CLIENT                        PROCESS      PID        SIZE\nuser                      gnome-shell      901   "
      "1048576K\ntotal                                       1048576K");
  const auto largest = largest_processes(root_, 2);
  ASSERT_EQ(largest.size(), 2u);
  EXPECT_EQ(largest[0].name, "gnome-shell");
  EXPECT_EQ(largest[0].bytes, (350 + 1024) * kMiB);
  EXPECT_EQ(largest[1].name, "python3");
  EXPECT_EQ(largest[1].pid, 812);
  const auto desktop = desktop_processes(root_);
  ASSERT_EQ(desktop.size(), 1u);
  EXPECT_EQ(desktop[0].pid, 901);
}

TEST_F(SystemMemoryTest, numbers_beyond_any_machine_do_no_harm) {
  put("/proc/9/status", "Name:\thuge\nVmRSS:\t99999999999999999999999 kB");
  put("/proc/10/status", "Name:\tnegative\nVmRSS:\t-5 kB");
  put("/sys/kernel/debug/nvmap/iovmm/clients", "user huge 9 99999999999999999999999K\nuser huge 9 99999999999999999999999K");
  put("/proc/meminfo", "MemTotal: 99999999999999999999999 kB\nMemAvailable: -1 kB");
  const auto largest = largest_processes(root_, 9);
  ASSERT_EQ(largest.size(), 2u);
  EXPECT_GT(largest[0].bytes, 0);
  EXPECT_EQ(largest[1].bytes, 0);
  EXPECT_EQ(memory_budget(root_), 0);
  EXPECT_NE(memory_advice(root_).find("huge (process 9"), std::string::npos);
}

TEST_F(SystemMemoryTest, the_advice_names_holders_and_the_desktop_only_where_one_runs) {
  put_process(812, "python3", 900);
  put_process(44, "Web Content", 600);
  put_process(45, "bash", 5);
  const std::string plain = memory_advice(root_);
  for (const char* part : {"python3 (process 812, 900 MiB), Web Content (process 44, 600 MiB); stop", "smaller batches",
                           "--workspace", "a larger machine"}) {
    EXPECT_NE(plain.find(part), plain.npos) << part << "\n" << plain;
  }
  EXPECT_EQ(plain.find("desktop"), plain.npos) << plain;
  EXPECT_EQ(plain.find("bash"), plain.npos) << plain;
  put_process(900, "Xorg", 80);
  put_process(901, "gnome-shell", 350);
  const std::string text = memory_advice(root_);
  EXPECT_NE(text.find("end the desktop, 430 MiB (sudo systemctl set-default multi-user.target, then reboot)"),
            text.npos)
      << text;
}

TEST_F(SystemMemoryTest, the_budget_binds_on_boards_alone) {
  put_memory(7620, 300, 1000);
  put_process(812, "python3", 5000);
  const Environment root("SINTER_SYSTEM_ROOT", root_);
  EXPECT_TRUE(check_memory_budget(INT64_MAX, "this").ok());
  put_jetson();
  EXPECT_TRUE(check_memory_budget(700 * kMiB, "this").ok());
  const Status failed = check_memory_budget(800 * kMiB, "the arena of engine 'a'");
  EXPECT_EQ(failed.code(), Code::kOutOfMemory);
  for (const char* part : {"the arena of engine 'a' needs 800.0 MiB", "7620.0 MiB", "1000.0 are available",
                           "761.9 may be taken", "python3 (process 812"}) {
    EXPECT_NE(failed.message().find(part), std::string::npos) << part << "\n" << failed.message();
  }
}

}  // namespace
}  // namespace sinter
