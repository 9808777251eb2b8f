#include "session/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/cpu_info.h"
#include "base/system_files.h"
#include "base/version.h"
#include "tactic/device.h"
#include "tactic/registry.h"

namespace sinter::session {
namespace {

using Kind = DoctorLine::Kind;
constexpr double kGiB = 1 << 30;

void examine_cpu(std::vector<DoctorLine>& lines) {
  const CpuInfo& cpu = cpu_info();
  lines.push_back({Kind::kInfo, "cpu", cpu.model_name.empty() ? "unknown" : cpu.model_name, ""});
  std::string features = std::string(isa_name(cpu.hardware_isa));
  if (cpu.avx_vnni) features += " avx_vnni";
  if (cpu.avx512_bf16) features += " avx512_bf16";
  if (cpu.avx512_fp16) features += " avx512_fp16";
  if (cpu.arm_fp16) features += " fp16";
  lines.push_back({Kind::kInfo, "instruction sets", features, ""});
  if (cpu.isa < cpu.hardware_isa) {
    lines.push_back({Kind::kMissing, "instruction sets", fmt::format("limited to {} by SINTER_MAX_ISA", isa_name(cpu.isa)),
                     "unset SINTER_MAX_ISA for full speed"});
  }
  lines.push_back({Kind::kInfo, "cores", fmt::format("{} online, {} usable here (affinity mask and cgroup quota): the default of --threads",
                                                      cpu.logical_cores, cpu.usable_cores), ""});
  lines.push_back({Kind::kInfo, "caches", fmt::format("L1d {} KiB, L2 {} KiB, L3 {} KiB", cpu.l1d_bytes >> 10, cpu.l2_bytes >> 10, cpu.l3_bytes >> 10), ""});
  const std::string mode = system_text(system_root() + "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (!mode.empty() && mode != "performance") {
    lines.push_back({Kind::kMissing, "clock", fmt::format("the CPU governor is '{}': timings will vary", mode),
                     "cpupower frequency-set -g performance"});
  }
}

void examine_providers(std::vector<DoctorLine>& lines) {
  const Status loaded = load_provider("onednn");
  if (loaded.ok()) {
    lines.push_back({Kind::kGood, "oneDNN", "the provider module loads", ""});
  } else {
    lines.push_back({Kind::kMissing, "oneDNN", loaded.message(), "apt-get install libdnnl2, and keep libsinter_onednn.so beside libsinter.so"});
  }
  const std::vector<const Tactic*> tactics = tactic_registry().all();
  const auto on_cuda = std::count_if(tactics.begin(), tactics.end(), [](const Tactic* tactic) { return tactic->device() == DeviceKind::kCuda; });
  lines.push_back({Kind::kInfo, "tactics", fmt::format("{} on the CPU, {} on CUDA", static_cast<int64_t>(tactics.size()) - on_cuda, on_cuda), ""});
}

void examine_gpu(std::vector<DoctorLine>& lines) {
  const std::string root = system_root();
  const bool device =
      ::access((root + "/dev/nvidia0").c_str(), F_OK) == 0 || ::access((root + "/dev/nvhost-gpu").c_str(), F_OK) == 0;
  const std::vector<CudaFinding> findings = examine_cuda();
  if (!device && !findings.empty() && !findings[0].good) {
    lines.push_back({Kind::kInfo, "gpu", "no NVIDIA GPU found; " + findings[0].text, ""});
    return;
  }
  for (const CudaFinding& finding : findings) {
    // The message ends with what to do.
    const size_t remedy = finding.good ? finding.text.npos : finding.text.rfind("; ");
    const Kind kind = finding.good ? Kind::kGood : finding.optional ? Kind::kInfo : Kind::kMissing;
    lines.push_back({kind, finding.topic, finding.text.substr(0, remedy), remedy == finding.text.npos ? "" : finding.text.substr(remedy + 2)});
  }
}

std::string gib(int64_t bytes) { return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / kGiB); }
std::string mode_text(const PowerMode& mode) { return fmt::format("{} (mode {})", mode.name, mode.id); }

// The board's libraries: CUDA 11 of JetPack 5 has no NVRTC that knows what Sinter's kernels use.
void examine_libraries(const Board& board, std::vector<DoctorLine>& lines) {
  if (board.cuda.empty()) {
    lines.push_back({Kind::kMissing, "CUDA",
                     "not installed: engines with stored kernels run, but none can be built for the GPU",
                     "sudo apt-get install nvidia-jetpack"});
  } else if (std::atoi(board.cuda.c_str()) < 12) {
    lines.push_back({Kind::kMissing, "CUDA",
                     board.cuda + ": Sinter's GPU kernels need CUDA 12 or newer; the processor's work as they are",
                     "flash JetPack 6 or newer"});
  } else {
    lines.push_back({Kind::kGood, "CUDA", board.cuda, ""});
  }
  lines.push_back(
      {Kind::kInfo, "cuDNN",
       board.cudnn.empty() ? "not installed (used only when --tacticSources=+CUDNN asks for it)" : board.cudnn, ""});
}

void examine_clocks(const Board& board, std::vector<DoctorLine>& lines) {
  if (!board.power_mode) {
    lines.push_back(
        {Kind::kInfo, "power mode", "unknown: no mode in /etc/nvpmodel.conf and /var/lib/nvpmodel/status", ""});
  } else if (board.power_mode->id == board.highest_power_mode->id) {
    lines.push_back({Kind::kGood, "power mode", mode_text(*board.power_mode) + ", the highest", ""});
  } else {
    lines.push_back(
        {Kind::kMissing, "power mode",
         fmt::format("{}, not the highest, {}", mode_text(*board.power_mode), mode_text(*board.highest_power_mode)),
         fmt::format("sudo nvpmodel -m {}", board.highest_power_mode->id)});
  }
  const auto mhz = [](int64_t hz) { return (hz + 500000) / 1000000; };
  if (board.gpu_max_hz == 0) {
    lines.push_back({Kind::kInfo, "jetson_clocks",
                     "unknown: the kernel tells no clock of the GPU (a container without /sys/class/devfreq?)", ""});
  } else if (board.gpu_min_hz == board.gpu_max_hz) {
    lines.push_back(
        {Kind::kGood, "jetson_clocks", fmt::format("on: the GPU's clock stays at {} MHz", mhz(board.gpu_max_hz)), ""});
  } else {
    lines.push_back({Kind::kMissing, "jetson_clocks",
                     fmt::format("off: the GPU's clock moves between {} and {} MHz, timings will vary",
                                 mhz(board.gpu_min_hz), mhz(board.gpu_max_hz)),
                     "sudo jetson_clocks"});
  }
}

}  // namespace

std::vector<DoctorLine> examine_board(const Board& board) {
  std::vector<DoctorLine> lines;
  if (!board.jetson) return lines;
  std::string module =
      board.module.empty() ? "of an unknown part number" : fmt::format("{} ({})", board.module, board.part);
  if (!board.model.empty()) module += ", " + board.model;
  lines.push_back({Kind::kInfo, "module", module, ""});
  lines.push_back({Kind::kInfo, "L4T",
                   board.l4t.empty() ? "unknown: no /etc/nv_tegra_release (in a container: mount it)" : board.l4t, ""});
  const std::string source =
      board.jetpack_package ? "package nvidia-jetpack" : "by its L4T; the package nvidia-jetpack is not installed";
  lines.push_back(
      {Kind::kInfo, "JetPack", board.jetpack.empty() ? "unknown" : fmt::format("{} ({})", board.jetpack, source), ""});
  examine_libraries(board, lines);
  examine_clocks(board, lines);
  return lines;
}

std::vector<DoctorLine> examine_memory(const Board& board) {
  std::vector<DoctorLine> lines;
  const SystemMemory& memory = board.memory;
  std::string text = gib(memory.total > 0 ? memory.total : cpu_info().memory_bytes);
  if (memory.total > 0) text += fmt::format(", {} available", gib(memory.available));
  if (cpu_info().memory_bytes < memory.total && !board.jetson)
    text += fmt::format("; this control group may take {}", gib(cpu_info().memory_bytes));
  lines.push_back({Kind::kInfo, "memory", text, ""});
  lines.push_back({Kind::kInfo, "swap",
                   memory.swap_total > 0
                       ? fmt::format("{}, {} in use", gib(memory.swap_total), gib(memory.swap_total - memory.swap_free))
                       : "none",
                   ""});
  int64_t bytes = 0;
  std::string names;
  for (const MemoryHolder& holder : board.desktop) {
    bytes += holder.bytes;
    if (names.find(holder.name) == names.npos) names += (names.empty() ? "" : ", ") + holder.name;
  }
  const std::string boot = board.boots_to_desktop ? "the system starts into one" : "the system starts without one";
  // On a board the desktop's memory is what models lack.
  const std::string remedy = board.jetson && (board.boots_to_desktop || !board.desktop.empty())
                                 ? "sudo systemctl set-default multi-user.target, then reboot, frees its memory"
                                 : "";
  lines.push_back({Kind::kInfo, "desktop",
                   board.desktop.empty() ? "none runs; " + boot
                                         : fmt::format("runs: {} hold {:.0f} MiB; {}", names,
                                                       static_cast<double>(bytes) / (1 << 20), boot),
                   remedy});
  return lines;
}

std::vector<DoctorLine> examine_machine() {
  const auto append = [](std::vector<DoctorLine>& to, std::vector<DoctorLine> more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  std::vector<DoctorLine> lines;
  lines.push_back({Kind::kInfo, "sinter", std::string(version()), ""});
  const Board board = read_board(system_root());
  append(lines, examine_board(board));
  examine_cpu(lines);
  append(lines, examine_memory(board));
  examine_providers(lines);
  examine_gpu(lines);
  return lines;
}

std::string to_text(const std::vector<DoctorLine>& lines) {
  std::string text;
  for (const DoctorLine& line : lines) {
    const char* mark = line.kind == Kind::kMissing ? "missing" : line.kind == Kind::kGood ? "ok" : "";
    text += fmt::format("{:<18} {:<8} {}\n", line.topic, mark, line.text);
    if (!line.remedy.empty()) text += fmt::format("{:<27} to do: {}\n", "", line.remedy);
  }
  return text;
}

std::string to_json(const std::vector<DoctorLine>& lines) {
  nlohmann::json json = nlohmann::json::array();
  for (const DoctorLine& line : lines) {
    const char* kind = line.kind == Kind::kMissing ? "missing" : line.kind == Kind::kGood ? "ok" : "info";
    json.push_back({{"topic", line.topic}, {"state", kind}, {"text", line.text}, {"remedy", line.remedy}});
  }
  return json.dump(1);
}

}  // namespace sinter::session
