// Several GPUs that --device names: "cuda:all" or a list.
#pragma once

#include <string>
#include <vector>

#include "common.h"

namespace sinter::tool {

struct Gpu {
  std::string device, name;  // "cuda:1"
  int ordinal = 0, capability = 0, processors = 0;
  std::string text() const;  // "cuda:1 NVIDIA H200"
  bool same_kind(const Gpu& other) const {
    return name == other.name && capability == other.capability && processors == other.processors;
  }
};

// Empty: one device is named. Where "cuda:all" is one GPU, a line says so.
std::vector<Gpu> named_gpus(const BuildFlags& flags);

}  // namespace sinter::tool
