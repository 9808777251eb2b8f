#include "gpus.h"

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace sinter::tool {

std::string Gpu::text() const { return device + " " + name; }

std::vector<Gpu> named_gpus(const BuildFlags& flags) {
  const std::string& text = flags.device();
  std::vector<Gpu> gpus;
  if (text != "cuda:all" && text.find(',') == text.npos) return gpus;
  char* json = nullptr;
  require(sinter_devices_json(text.c_str(), &json));
  for (const auto& found : nlohmann::json::parse(Text(json).get())) {
    Gpu gpu{found.at("device"), found.at("name"), 0, found.at("compute_capability"), found.at("multiprocessors")};
    gpu.ordinal = std::atoi(gpu.device.c_str() + gpu.device.find(':') + 1);
    gpus.push_back(gpu);
  }
  if (gpus.size() == 1) std::printf("devices   %s is one GPU here: %s\n", text.c_str(), gpus[0].text().c_str());
  return gpus;
}

}  // namespace sinter::tool
