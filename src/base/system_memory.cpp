#include "base/system_memory.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <sstream>

#include "base/system_files.h"

namespace sinter {
namespace {

constexpr double kMiB = 1 << 20;
// The margin: a 32nd of the memory (240 MiB of 8 GB), within these.
constexpr int64_t kMarginShare = 32, kLeastMargin = int64_t{128} << 20, kMostMargin = int64_t{1} << 30;
constexpr size_t kHoldersNamed = 3;
constexpr int64_t kSmallHolder = int64_t{32} << 20;  // is no help to stop
constexpr const char* kDesktops[] = {"gnome-shell", "Xorg",    "Xwayland",  "gdm3",  "lightdm",     "sddm",
                                     "weston",      "lxpanel", "lxsession", "xfwm4", "plasmashell", "mutter"};

// "123 kB" and "123K", in bytes, however large the number.
int64_t kib_at(const char* text) { return std::clamp<long long>(std::strtoll(text, nullptr, 10), 0, INT64_MAX >> 20) * 1024; }

// "VmRSS:  123 kB" of a text of such lines, in bytes; 0 without it.
int64_t bytes_of(const std::string& text, const std::string& key) {
  const size_t at = ("\n" + text).find("\n" + key + ":");
  return at == std::string::npos ? 0 : kib_at(text.c_str() + at + key.size() + 1);
}

// What nvmap holds for each process: "user  python3  4711  512000K"; only root may read it.
std::map<int, int64_t> gpu_bytes(const std::string& root) {
  std::map<int, int64_t> bytes;
  std::istringstream lines(system_text(root + "/sys/kernel/debug/nvmap/iovmm/clients"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string client, process, size;
    int pid = 0;
    if (words >> client >> process >> pid >> size && size.ends_with('K')) bytes[pid] += kib_at(size.c_str());
  }
  return bytes;
}

std::vector<MemoryHolder> all_processes(const std::string& root) {
  std::vector<MemoryHolder> processes;
  const std::map<int, int64_t> gpu = gpu_bytes(root);
  for (const std::string& name : system_names(root + "/proc")) {
    if (name.find_first_not_of("0123456789") != name.npos) continue;
    const std::string status = system_text(root + "/proc/" + name + "/status");
    if (!status.starts_with("Name:")) continue;
    MemoryHolder holder;
    holder.name = status.substr(0, status.find('\n')).substr(5);
    holder.name.erase(0, holder.name.find_first_not_of(" \t"));
    holder.pid = std::atoi(name.c_str());
    holder.bytes = bytes_of(status, "VmRSS");
    if (const auto found = gpu.find(holder.pid); found != gpu.end()) holder.bytes += found->second;
    processes.push_back(holder);
  }
  std::stable_sort(processes.begin(), processes.end(),
                   [](const MemoryHolder& a, const MemoryHolder& b) { return a.bytes > b.bytes; });
  return processes;
}

std::vector<MemoryHolder> of_desktop(std::vector<MemoryHolder> processes) {
  std::erase_if(processes, [](const MemoryHolder& holder) {
    return std::find(std::begin(kDesktops), std::end(kDesktops), holder.name) == std::end(kDesktops);
  });
  return processes;
}

// Asked whenever an arena grows; what this machine is does not change.
bool is_board(const std::string& root) {
  static const bool here = is_jetson("");
  return root.empty() ? here : is_jetson(root);
}

}  // namespace

SystemMemory read_system_memory(const std::string& root) {
  const std::string text = system_text(root + "/proc/meminfo");
  return {bytes_of(text, "MemTotal"), bytes_of(text, "MemAvailable"), bytes_of(text, "SwapTotal"),
          bytes_of(text, "SwapFree")};
}

std::vector<MemoryHolder> largest_processes(const std::string& root, size_t most) {
  std::vector<MemoryHolder> processes = all_processes(root);
  if (processes.size() > most) processes.resize(most);
  return processes;
}

std::vector<MemoryHolder> desktop_processes(const std::string& root) { return of_desktop(all_processes(root)); }

int64_t memory_budget(const std::string& root) {
  const SystemMemory memory = read_system_memory(root);
  if (memory.total == 0) return INT64_MAX;
  return std::max<int64_t>(0, memory.available - std::clamp(memory.total / kMarginShare, kLeastMargin, kMostMargin));
}

Status check_memory_budget(int64_t bytes, std::string_view what) {
  const std::string root = system_root();
  if (!is_board(root)) return ok_status();
  const int64_t budget = memory_budget(root);
  if (bytes <= budget) return ok_status();
  return make_error(Code::kOutOfMemory,
                    "{} needs {:.1f} MiB; of this board's {:.1f} MiB, {:.1f} are available and {:.1f} may be taken "
                    "(processor and GPU share them, and the rest of "
                    "the system keeps a margin){}",
                    what, static_cast<double>(bytes) / kMiB, static_cast<double>(read_system_memory(root).total) / kMiB,
                    static_cast<double>(read_system_memory(root).available) / kMiB, static_cast<double>(budget) / kMiB,
                    memory_advice(root));
}

std::string memory_advice(const std::string& root) {
  std::string text;
  std::vector<MemoryHolder> processes = all_processes(root);
  const std::vector<MemoryHolder> desktop = of_desktop(processes);
  std::erase_if(processes, [](const MemoryHolder& holder) { return holder.bytes < kSmallHolder; });
  for (size_t i = 0; i < std::min(processes.size(), kHoldersNamed); ++i) {
    text += fmt::format("{}{} (process {}, {:.0f} MiB)", i == 0 ? "; most is held by " : ", ", processes[i].name,
                        processes[i].pid, static_cast<double>(processes[i].bytes) / kMiB);
  }
  text += text.empty() ? "; stop other programs" : "; stop what is not needed of these";
  if (!desktop.empty()) {
    int64_t bytes = 0;
    for (const MemoryHolder& holder : desktop) bytes += holder.bytes;
    text += fmt::format(", end the desktop, {:.0f} MiB (sudo systemctl set-default multi-user.target, then reboot)",
                        static_cast<double>(bytes) / kMiB);
  }
  return text + "; " + std::string(memory_remedies());
}

std::string_view memory_remedies() {
  return "use smaller batches or inputs or a smaller workspace (--workspace 64MiB; trtexec: "
         "--memPoolSize=workspace:64MiB), or build on a larger machine and copy the engine";
}

}  // namespace sinter
