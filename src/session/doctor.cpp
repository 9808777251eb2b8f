#include "session/doctor.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/cpu_info.h"
#include "base/version.h"
#include "tactic/device.h"
#include "tactic/registry.h"

namespace sinter::session {
namespace {

using Kind = DoctorLine::Kind;
constexpr double kGiB = 1 << 30;

std::string governor() {
  std::ifstream in("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  std::string text;
  in >> text;
  return text;
}

void examine_cpu(std::vector<DoctorLine>& lines) {
  const CpuInfo& cpu = cpu_info();
  lines.push_back({Kind::kInfo, "cpu", cpu.model_name.empty() ? "unknown" : cpu.model_name, ""});
  std::string features = std::string(isa_name(cpu.hardware_isa));
  if (cpu.avx_vnni) features += " avx_vnni";
  if (cpu.avx512_bf16) features += " avx512_bf16";
  if (cpu.avx512_fp16) features += " avx512_fp16";
  lines.push_back({Kind::kInfo, "instruction sets", features, ""});
  if (cpu.isa < cpu.hardware_isa) {
    lines.push_back({Kind::kMissing, "instruction sets", fmt::format("limited to {} by SINTER_MAX_ISA", isa_name(cpu.isa)),
                     "unset SINTER_MAX_ISA for full speed"});
  }
  lines.push_back({Kind::kInfo, "cores", fmt::format("{} online, {} usable here (affinity mask and cgroup quota): the default of --threads",
                                                      cpu.logical_cores, cpu.usable_cores), ""});
  lines.push_back({Kind::kInfo, "caches", fmt::format("L1d {} KiB, L2 {} KiB, L3 {} KiB", cpu.l1d_bytes >> 10, cpu.l2_bytes >> 10, cpu.l3_bytes >> 10), ""});
  lines.push_back({Kind::kInfo, "memory", fmt::format("{:.1f} GiB", static_cast<double>(cpu.memory_bytes) / kGiB), ""});
  const std::string mode = governor();
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
  const bool device = ::access("/dev/nvidia0", F_OK) == 0 || ::access("/dev/nvhost-gpu", F_OK) == 0;
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

}  // namespace

std::vector<DoctorLine> examine_machine() {
  std::vector<DoctorLine> lines;
  lines.push_back({Kind::kInfo, "sinter", std::string(version()), ""});
  examine_cpu(lines);
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
