#include "session/board.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/system_files.h"

namespace sinter::session {
namespace {

struct Named {
  std::string_view key, value;
};
#define MODULE(part, name) Named{part, name},
#define RELEASE(l4t, jetpack)
constexpr Named kModules[] = {
#include "session/board.def"
};
#undef MODULE
#undef RELEASE
#define MODULE(part, name)
#define RELEASE(l4t, jetpack) Named{l4t, jetpack},
constexpr Named kReleases[] = {
#include "session/board.def"
};
#undef MODULE
#undef RELEASE

// The GPUs of Tegra chips as devfreq names them.
bool is_gpu(const std::string& devfreq) {
  constexpr std::string_view kChips[] = {"ga10b", "gv11b", "gp10b", "gm20b", "gb10b"};
  return devfreq.find("gpu") != devfreq.npos ||
         std::any_of(std::begin(kChips), std::end(kChips),
                     [&](std::string_view chip) { return devfreq.ends_with(chip); });
}

// "12.6.68-1" and "6.2+b77" without what packagers add.
std::string version_of(const std::string& package_version) {
  return package_version.substr(0, package_version.find_first_of("-+~"));
}

// The versions of installed packages that `wanted` takes by their names.
template <typename Wanted>
std::vector<std::string> package_versions(const std::string& root, Wanted wanted) {
  std::vector<std::string> versions;
  std::ifstream in(root + "/var/lib/dpkg/status");
  bool taken = false, installed = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Package: ")) {
      taken = wanted(line.substr(9));
      installed = false;
    } else if (line.starts_with("Status: ")) {
      installed = line.ends_with(" installed");
    } else if (taken && installed && line.starts_with("Version: ")) {
      versions.push_back(line.substr(9));
    }
  }
  return versions;
}

std::string first_package(const std::string& root, std::string_view begin) {
  const auto versions = package_versions(root, [&](const std::string& name) { return name.starts_with(begin); });
  return versions.empty() ? "" : version_of(*std::max_element(versions.begin(), versions.end()));
}

// "# R36 (release), REVISION: 4.3, GCID: ..." -> "36.4.3"
std::string l4t_of(const std::string& release) {
  const size_t major = release.find("# R"), revision = release.find("REVISION: ");
  if (major == release.npos || revision == release.npos) return "";
  const size_t from = major + 3, at = revision + 10;
  return release.substr(from, release.find_first_not_of("0123456789", from) - from) + "." +
         release.substr(at, release.find_first_not_of("0123456789.", at) - at);
}

std::string jetpack_of(const std::string& l4t) {
  const Named* best = nullptr;
  for (const Named& release : kReleases) {
    const bool begins =
        l4t.starts_with(release.key) && (l4t.size() == release.key.size() || l4t[release.key.size()] == '.');
    if (begins && (!best || release.key.size() > best->key.size())) best = &release;
  }
  return best ? std::string(best->value) : "";
}

void read_module(const std::string& root, Board& board) {
  board.model = system_text(root + "/proc/device-tree/model");
  std::string compatible = system_text(root + "/proc/device-tree/compatible");
  std::replace(compatible.begin(), compatible.end(), '\0', ' ');
  // "nvidia,p3768-0000+p3767-0005-super nvidia,p3767-0005 nvidia,tegra234": carrier board and module, the module alone,
  // the chip.
  for (const Named& module : kModules) {
    if (compatible.find(module.key) == compatible.npos) continue;
    board.part = module.key;
    board.module = module.value;
    return;
  }
}

void read_release(const std::string& root, Board& board) {
  board.l4t = l4t_of(system_text(root + "/etc/nv_tegra_release"));
  if (board.l4t.empty()) board.l4t = first_package(root, "nvidia-l4t-core");
  board.jetpack = first_package(root, "nvidia-jetpack");
  board.jetpack_package = !board.jetpack.empty();
  if (!board.jetpack_package) board.jetpack = jetpack_of(board.l4t);
}

// {"cuda": {"name": "CUDA SDK", "version": "12.6.11"}, ...}
std::string cuda_of(const std::string& root) {
  const auto json =
      nlohmann::json::parse(system_text(root + "/usr/local/cuda/version.json"), nullptr, /*allow_exceptions=*/false);
  if (json.is_object() && json.contains("cuda") && json["cuda"].is_object() && json["cuda"].contains("version") &&
      json["cuda"]["version"].is_string()) {
    return json["cuda"]["version"].get<std::string>();
  }
  return first_package(root, "cuda-cudart-1");
}

// "#define CUDNN_MAJOR 9" -> "9"
std::string defined(const std::string& header, const std::string& name) {
  const size_t at = header.find("#define " + name + " ");
  if (at == header.npos) return "";
  const size_t from = at + name.size() + 9;
  return header.substr(from, header.find_first_not_of("0123456789", from) - from);
}

std::string cudnn_of(const std::string& root) {
  const std::string package = first_package(root, "libcudnn");
  if (!package.empty()) {
    size_t end = 0;  // the first three numbers
    for (int dots = 0; end < package.size() && (package[end] != '.' || ++dots < 3); ++end) {
    }
    return package.substr(0, end);
  }
  for (const char* folder : {"/usr/include/", "/usr/include/aarch64-linux-gnu/", "/usr/local/cuda/include/"}) {
    const std::string header = system_text(root + folder + "cudnn_version.h"), major = defined(header, "CUDNN_MAJOR");
    if (!major.empty()) return major + "." + defined(header, "CUDNN_MINOR") + "." + defined(header, "CUDNN_PATCHLEVEL");
  }
  return "";
}

// How high a power mode is: MAXN above all, else the watts of its name.
double rank_of(const PowerMode& mode) {
  if (mode.name.find("MAXN") != mode.name.npos) return mode.name.find("SUPER") != mode.name.npos ? 2e6 : 1e6;
  for (size_t i = 0; i < mode.name.size(); ++i) {
    const double watts = std::strtod(mode.name.c_str() + i, nullptr);
    if (watts > 0) return watts;
  }
  return 0;
}

// nvpmodel.conf explains its format in comments, which look like its entries.
std::string without_comments(const std::string& text) {
  std::istringstream lines(text);
  std::string result;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('#')) result += line + "\n";
  }
  return result;
}

// "< POWER_MODEL ID=0 NAME=15W >"
std::vector<PowerMode> power_modes(const std::string& text) {
  std::vector<PowerMode> modes;
  for (size_t at = text.find("< POWER_MODEL"); at != text.npos; at = text.find("< POWER_MODEL", at + 1)) {
    const std::string line = text.substr(at, text.find('>', at) - at);
    const size_t id = line.find("ID="), name = line.find("NAME=");
    if (id == line.npos || name == line.npos) continue;
    modes.push_back(
        {std::atoi(line.c_str() + id + 3), line.substr(name + 5, line.find_first_of(" \t", name) - name - 5)});
  }
  return modes;
}

void read_power_mode(const std::string& root, Board& board) {
  const std::string conf = without_comments(system_text(root + "/etc/nvpmodel.conf")),
                    status = system_text(root + "/var/lib/nvpmodel/status");
  const auto modes = power_modes(conf);
  if (modes.empty()) return;
  board.highest_power_mode = *std::max_element(
      modes.begin(), modes.end(), [](const PowerMode& a, const PowerMode& b) { return rank_of(a) < rank_of(b); });
  // "pmode:0002"; before it is first set, the one of "< PM_CONFIG DEFAULT=2 >".
  const size_t colon = status.find(':'), by_default = conf.find("DEFAULT=");
  if (colon == status.npos && by_default == conf.npos) return;
  const int current =
      colon != status.npos ? std::atoi(status.c_str() + colon + 1) : std::atoi(conf.c_str() + by_default + 8);
  const auto found =
      std::find_if(modes.begin(), modes.end(), [&](const PowerMode& mode) { return mode.id == current; });
  board.power_mode = found == modes.end() ? PowerMode{current, std::to_string(current)} : *found;
}

void read_gpu_clock(const std::string& root, Board& board) {
  const std::string folder = root + "/sys/class/devfreq/";
  for (const std::string& name : system_names(folder)) {
    const double least = std::atof(system_text(folder + name + "/min_freq").c_str()),
                 most = std::atof(system_text(folder + name + "/max_freq").c_str());
    if (!is_gpu(name) || !(least > 0 && most >= least && most < 1e12)) continue;
    board.gpu_min_hz = static_cast<int64_t>(least);
    board.gpu_max_hz = static_cast<int64_t>(most);
    return;
  }
}

void read_desktop(const std::string& root, Board& board) {
  board.desktop = desktop_processes(root);
  for (const char* folder : {"/etc/systemd/system/", "/usr/lib/systemd/system/", "/lib/systemd/system/"}) {
    std::error_code error;
    const std::filesystem::path target = std::filesystem::read_symlink(root + folder + "default.target", error);
    if (error) continue;
    board.boots_to_desktop = target.filename() == "graphical.target";
    return;
  }
}

nlohmann::ordered_json mode_json(const std::optional<PowerMode>& mode) {
  return mode ? nlohmann::ordered_json{{"id", mode->id}, {"name", mode->name}} : nlohmann::ordered_json();
}

}  // namespace

Board read_board(const std::string& root) {
  Board board;
  board.jetson = is_jetson(root);
  board.memory = read_system_memory(root);
  read_desktop(root, board);
  read_module(root, board);
  read_power_mode(root, board);
  read_gpu_clock(root, board);
  if (!board.jetson) return board;
  read_release(root, board);
  board.cuda = cuda_of(root);
  board.cudnn = cudnn_of(root);
  return board;
}

std::string to_json(const Board& board) {
  nlohmann::ordered_json clock;
  if (board.gpu_max_hz > 0) clock = {{"min_hz", board.gpu_min_hz}, {"max_hz", board.gpu_max_hz}};
  const nlohmann::ordered_json json = {{"jetson", board.jetson},
                                       {"model", board.model},
                                       {"part", board.part},
                                       {"module", board.module},
                                       {"l4t", board.l4t},
                                       {"jetpack", board.jetpack},
                                       {"cuda", board.cuda},
                                       {"cudnn", board.cudnn},
                                       {"power_mode", mode_json(board.power_mode)},
                                       {"highest_power_mode", mode_json(board.highest_power_mode)},
                                       {"gpu_clock", clock},
                                       {"desktop_runs", !board.desktop.empty()},
                                       {"boots_to_desktop", board.boots_to_desktop},
                                       {"memory",
                                        {{"total", board.memory.total},
                                         {"available", board.memory.available},
                                         {"swap_total", board.memory.swap_total},
                                         {"swap_free", board.memory.swap_free}}}};
  return json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace sinter::session
