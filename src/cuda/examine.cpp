// What of CUDA is on this machine, for `sinter doctor`.
#include <dlfcn.h>

#include "cuda/driver_api.h"
#include "tactic/device.h"

namespace sinter {
namespace {

constexpr double kGiB = 1 << 30;

void examine_devices(std::vector<CudaFinding>& findings, const cuda::DriverApi& api) {
  int count = 0;
  api.DeviceGetCount(&count);
  if (count == 0) findings.push_back({"gpu", "the driver knows no device; check nvidia-smi, and in a container pass the GPU through (--gpus all)", false, false});
  for (int ordinal = 0; ordinal < count; ++ordinal) {
    const auto device = find_cuda_device(ordinal);
    const std::string topic = fmt::format("cuda:{}", ordinal);
    if (!device.ok()) {
      findings.push_back({topic, device.status().message(), false, false});
      continue;
    }
    const DeviceScope scope(*device);
    const DeviceSpec& spec = (*device)->spec();
    findings.push_back({topic,
                        fmt::format("{}, compute capability {}.{}, {} multiprocessors, L2 {} MiB, {:.1f} GiB free", (*device)->name(), spec.sm / 10, spec.sm % 10,
                                    spec.processors, spec.l2_bytes >> 20, scope.status().ok() ? static_cast<double>((*device)->free_bytes()) / kGiB : 0),
                        true, false});
  }
}

CudaFinding examine_library(const char* topic, const char* name, const char* package) {
  for (const std::string& path : cuda::library_candidates(name)) {
    if (void* library = dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL)) {
      dlclose(library);
      return {topic, path + " (used when --tacticSources asks for it)", true, true};
    }
  }
  return {topic, fmt::format("not found; pip install {}, if it shall be compared with", package), false, true};
}

}  // namespace

std::vector<CudaFinding> examine_cuda() {
  std::vector<CudaFinding> findings;
  const auto driver = cuda::driver();
  if (!driver.ok()) return {{"cuda driver", driver.status().message(), false, false}};
  const int version = (*driver)->version;
  findings.push_back({"cuda driver", fmt::format("{} for CUDA {}.{}", (*driver)->path, version / 1000, version % 1000 / 10), true, false});
  examine_devices(findings, **driver);
  const auto nvrtc = cuda::nvrtc();
  if (nvrtc.ok()) {
    findings.push_back({"nvrtc", fmt::format("{}, version {}.{}", (*nvrtc)->path, (*nvrtc)->major, (*nvrtc)->minor), true, false});
  } else {
    findings.push_back({"nvrtc", nvrtc.status().message(), false, false});
  }
  findings.push_back(examine_library("cublasLt", "cublasLt", "nvidia-cublas"));
  findings.push_back(examine_library("cudnn", "cudnn", "nvidia-cudnn-cu13"));
  return findings;
}

}  // namespace sinter
