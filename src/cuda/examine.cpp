// What of CUDA is on this machine, for `sinter doctor`.
#include "cuda/library_api.h"
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

// A library that is opened when --tacticSources asks for it.
template <typename Api>
CudaFinding examine_library(const char* topic, const char* name, const Result<Api>& api) {
  if (!api.ok()) return {topic, api.status().message(), false, true};
  return {topic, fmt::format("{}, version {} (used when --tacticSources=+{} asks for it)", (*api)->path, (*api)->version, name), true, true};
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
  findings.push_back(examine_library("cublasLt", "CUBLAS_LT", cuda::cublaslt()));
  findings.push_back(examine_library("cudnn", "CUDNN", cuda::cudnn()));
  return findings;
}

Status find_tactic_source(std::string_view source) {
  if (source == "CUBLAS_LT") return Status(cuda::cublaslt().status());
  if (source == "CUDNN") return Status(cuda::cudnn().status());
  return make_error(Code::kInvalidArgument, "tactic source '{}': there are CUBLAS_LT and CUDNN", source);
}

}  // namespace sinter
