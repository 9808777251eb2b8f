// What a board says of itself: module, system release, libraries, power mode, clocks. Of other machines most of it is
// empty.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/system_memory.h"

namespace sinter::session {

struct PowerMode {
  int id = -1;
  std::string name;  // "MAXN_SUPER"
};

struct Board {
  bool jetson = false;
  std::string model;         // of the device tree: "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
  std::string part, module;  // "p3767-0005", "Jetson Orin Nano 8GB (developer kit)"
  std::string l4t;           // "36.4.3"
  std::string jetpack;       // "6.2"
  bool jetpack_package = false;  // nvidia-jetpack is installed and says so; else the release does
  std::string cuda, cudnn;       // installed versions: "12.6.68", "9.3.0"
  std::optional<PowerMode> power_mode, highest_power_mode;
  int64_t gpu_min_hz = 0, gpu_max_hz = 0;  // equal once jetson_clocks has run; 0 where the kernel does not say
  bool boots_to_desktop = false;
  std::vector<MemoryHolder> desktop;  // its processes
  SystemMemory memory;
};

// `root` stands before every path.
Board read_board(const std::string& root);
std::string to_json(const Board& board);

}  // namespace sinter::session
