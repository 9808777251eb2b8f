#include "base/system_files.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace sinter {

std::string system_root() {
  const char* const root = std::getenv("SINTER_SYSTEM_ROOT");
  return root ? root : "";
}

std::string system_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return "";
  std::ostringstream text;
  text << in.rdbuf();
  std::string result = text.str();
  while (!result.empty() && (result.back() == '\n' || result.back() == '\0')) result.pop_back();
  return result;
}

std::vector<std::string> system_names(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    names.push_back(at->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_jetson(const std::string& root) {
  return system_text(root + "/proc/device-tree/compatible").find("nvidia,tegra") != std::string::npos ||
         !system_text(root + "/etc/nv_tegra_release").empty();
}

}  // namespace sinter
