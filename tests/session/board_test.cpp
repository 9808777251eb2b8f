// What doctor says of boards, from trees that look like Jetsons with JetPack 5, 6 and 7.
#include "session/board.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sinter/sinter.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "session/doctor.h"
#include "support/fake_root.h"

namespace sinter::session {
namespace {

std::string package(const std::string& name, const std::string& version,
                    const std::string& status = "install ok installed") {
  return "Package: " + name + "\nStatus: " + status + "\nPriority: optional\nArchitecture: arm64\nVersion: " + version +
         "\nDescription: Version: 9\n\n";
}

class BoardTest : public FakeRootTest {
 protected:
  void put_board(const std::string& model, const std::string& compatible, const std::string& release) {
    put("/proc/device-tree/model", model + std::string(1, '\0'));
    put("/proc/device-tree/compatible", compatible);
    put("/etc/nv_tegra_release", release);
  }
  void put_modes(const std::string& modes, const std::string& status) {
    put("/etc/nvpmodel.conf",
        "#\n# FORMAT:\n# < POWER_MODEL ID=id_num NAME=mode_name >\n# < PM_CONFIG DEFAULT=default_mode >\n" + modes);
    if (!status.empty()) put("/var/lib/nvpmodel/status", status);
  }
  void put_gpu_clock(const std::string& name, const std::string& least, const std::string& most) {
    put("/sys/class/devfreq/" + name + "/min_freq", least);
    put("/sys/class/devfreq/" + name + "/max_freq", most);
  }
  void put_memory(int64_t total_kb, int64_t available_kb, int64_t swap_kb, int64_t swap_free_kb) {
    put("/proc/meminfo",
        fmt::format("MemTotal: {} kB\nMemFree: 1000 kB\nMemAvailable: {} kB\nSwapTotal: {} kB\nSwapFree: {} kB",
                    total_kb, available_kb, swap_kb, swap_free_kb));
  }

  // Xavier NX, JetPack 5.1.2 without the package that says so, a desktop.
  void put_jetpack5() {
    put_board("NVIDIA Jetson Xavier NX Developer Kit",
              "nvidia,p3509-0000+p3668-0000\nnvidia,p3668-0000\nnvidia,tegra194",
              "# R35 (release), REVISION: 4.1, GCID: 33958178, BOARD: t186ref, EABI: aarch64, DATE: Tue Aug  1 "
              "19:57:35 UTC 2023");
    put("/var/lib/dpkg/status",
        package("cuda-cudart-11-4", "11.4.298-1") + package("libcudnn8", "8.6.0.166-1+cuda11.4"));
    put_modes(
        "< PM_CONFIG DEFAULT=3 >\n< POWER_MODEL ID=0 NAME=MODE_15W_2CORE >\n< POWER_MODEL ID=3 NAME=MODE_10W_2CORE "
        ">\n< POWER_MODEL ID=8 NAME=MODE_20W_6CORE >",
        "");
    put_gpu_clock("17000000.gv11b", "114750000", "1109250000");
    put_memory(7115280, 4194304, 3557632, 3557632);
    put("/proc/1890/status", "Name:\tXorg\nVmRSS:\t81920 kB");
    put("/proc/2011/status", "Name:\tgnome-shell\nVmRSS:\t327680 kB");
    put_link("/etc/systemd/system/default.target", "/lib/systemd/system/graphical.target");
  }
  // Orin Nano, JetPack 6.2, set up for speed, no desktop.
  void put_jetpack6() {
    put_board("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
              "nvidia,p3768-0000+p3767-0005-super\nnvidia,p3767-0005\nnvidia,tegra234",
              "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 "
              "01:49:37 UTC 2025\n# KERNEL_VARIANT: oot");
    put("/var/lib/dpkg/status", package("nvidia-jetpack", "6.2+b77") + package("libcudnn9-cuda-12", "9.3.0.75-1") +
                                    package("libcudnn8", "8.9", "deinstall ok config-files") +
                                    package("nvidia-l4t-core", "36.4.3-20250107174145"));
    put("/usr/local/cuda/version.json", R"({"cuda": {"name": "CUDA SDK", "version": "12.6.11"}})");
    put_modes(
        "< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< "
        "PM_CONFIG DEFAULT=1 >",
        "pmode:0002");
    put_gpu_clock("17000000.gpu", "1020000000", "1020000000");
    put_memory(7802880, 6291456, 0, 0);
    put_link("/etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target");
  }
  // AGX Thor, JetPack 7.0; its release file is not there, as in a container.
  void put_jetpack7() {
    put_board("NVIDIA Jetson AGX Thor Developer Kit",
              "nvidia,p4071-0000+p3834-0008\nnvidia,p3834-0008\nnvidia,tegra264", "");
    put("/var/lib/dpkg/status",
        package("nvidia-l4t-core", "38.2.0-20250821174705") + package("cuda-cudart-13-0", "13.0.48-1"));
    put("/usr/include/aarch64-linux-gnu/cudnn_version.h",
        "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 12\n#define CUDNN_PATCHLEVEL 0\n");
    put_modes("< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=1 NAME=120W >\n< PM_CONFIG DEFAULT=1 >", "pmode:0001");
    put_gpu_clock("gpu-gpc-0", "315000000", "1575000000");
    put_memory(128786432, 120000000, 0, 0);
  }

  std::string doctor() {
    const Board board = read_board(root_);
    return to_text(examine_board(board)) + to_text(examine_memory(board));
  }
  void expect_lines(const std::string& text, std::initializer_list<const char*> parts) {
    for (const char* part : parts) EXPECT_NE(text.find(part), text.npos) << "no '" << part << "' in:\n" << text;
  }
};

TEST_F(BoardTest, JetPack5) {
  put_jetpack5();
  expect_lines(
      doctor(),
      {"module                      Jetson Xavier NX (developer kit) (p3668-0000), NVIDIA Jetson Xavier NX Developer "
       "Kit\n",
       "L4T                         35.4.1\n",
       "JetPack                     5.1.2 (by its L4T; the package nvidia-jetpack is not installed)\n",
       "CUDA               missing  11.4.298: Sinter's GPU kernels need CUDA 12 or newer", "to do: flash JetPack 6",
       "cuDNN                       8.6.0\n",
       "power mode         missing  MODE_10W_2CORE (mode 3), not the highest, MODE_20W_6CORE (mode 8)\n",
       "to do: sudo nvpmodel -m 8\n", "jetson_clocks      missing  off: the GPU's clock moves between 115 and 1109 MHz",
       "to do: sudo jetson_clocks\n", "memory                      6.8 GiB, 4.0 GiB available\n",
       "swap                        3.4 GiB, 0.0 GiB in use\n",
       "desktop                     runs: gnome-shell, Xorg hold 400 MiB; the system starts into one\n",
       "to do: sudo systemctl set-default multi-user.target"});
}

TEST_F(BoardTest, JetPack6) {
  put_jetpack6();
  const std::string text = doctor();
  expect_lines(text,
               {"Jetson Orin Nano 8GB (developer kit) (p3767-0005), NVIDIA Jetson Orin Nano Engineering Reference "
                "Developer Kit Super\n",
                "L4T                         36.4.3\n", "JetPack                     6.2 (package nvidia-jetpack)\n",
                "CUDA               ok       12.6.11\n", "cuDNN                       9.3.0\n",
                "power mode         ok       MAXN_SUPER (mode 2), the highest\n",
                "jetson_clocks      ok       on: the GPU's clock stays at 1020 MHz\n",
                "memory                      7.4 GiB, 6.0 GiB available\n", "swap                        none\n",
                "desktop                     none runs; the system starts without one\n"});
  EXPECT_EQ(text.find("to do"), text.npos) << text;
}

TEST_F(BoardTest, JetPack7) {
  put_jetpack7();
  expect_lines(doctor(), {"Jetson T5000 (AGX Thor developer kit) (p3834-0008)", "L4T                         38.2.0\n",
                          "JetPack                     7.0 (by its L4T;", "CUDA               ok       13.0.48\n",
                          "cuDNN                       9.12.0\n", "120W (mode 1), not the highest, MAXN (mode 0)\n",
                          "to do: sudo nvpmodel -m 0\n", "moves between 315 and 1575 MHz"});
}

TEST_F(BoardTest, DoctorOfTheCInterfaceFollowsTheRoot) {
  put_jetpack6();
  const Environment root("SINTER_SYSTEM_ROOT", root_), no_gpu("SINTER_CUDA_DRIVER", "none");
  char* text = nullptr;
  ASSERT_EQ(sinter_doctor_json(&text), SINTER_OK);
  const auto lines = nlohmann::json::parse(std::unique_ptr<char, void (*)(void*)>(text, sinter_free).get());
  std::string jetpack, memory;
  for (const auto& line : lines) {
    if (line.at("topic") == "JetPack") jetpack = line.at("text");
    if (line.at("topic") == "memory") memory = line.at("text");
  }
  EXPECT_EQ(jetpack, "6.2 (package nvidia-jetpack)");
  EXPECT_EQ(memory, "7.4 GiB, 6.0 GiB available");
  ASSERT_EQ(sinter_board_json(nullptr, &text), SINTER_OK);
  const auto board = nlohmann::json::parse(std::unique_ptr<char, void (*)(void*)>(text, sinter_free).get());
  EXPECT_EQ(board.at("part"), "p3767-0005");
  EXPECT_EQ(board.at("power_mode").at("name"), "MAXN_SUPER");
  EXPECT_EQ(board.at("gpu_clock").at("max_hz"), 1020000000);
  EXPECT_EQ(board.at("memory").at("available"), int64_t{6291456} * 1024);
  EXPECT_FALSE(board.at("desktop_runs").get<bool>());
}

TEST_F(BoardTest, WhatIsNoBoardAndRubbish) {
  EXPECT_EQ(to_text(examine_board(read_board(root_))), "");
  EXPECT_FALSE(read_board(root_).jetson);
  put_board("\xff\xfe", "nvidia,tegra999", "# R (release), REVISION: x");
  put("/var/lib/dpkg/status", "Package: \nVersion: 3\nStatus: installed\n\nPackage: nvidia-jetpack\nVersion: 9\n\xff");
  put("/usr/local/cuda/version.json", "{\"cuda\": 12");
  put_modes("< POWER_MODEL ID= NAME= >\n< POWER_MODEL", "pmode");
  put_gpu_clock("17000000.gpu", "fast", "-1");
  put_memory(-5, 1, 1, 1);
  const std::string text = doctor();
  expect_lines(text, {"of an unknown part number", "L4T                         ",
                      "JetPack                     unknown", "CUDA               missing  not installed",
                      "power mode                  unknown", "jetson_clocks               unknown"});
  EXPECT_NE(to_json(read_board(root_)).find("\"jetson\": true"), std::string::npos);
}

}  // namespace
}  // namespace sinter::session
