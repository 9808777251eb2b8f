// What the processor and the operating system offer this process: instruction sets, cores, quota, caches.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sinter {

// Instruction-set classes that kernels are written for. kBaseline is what the compiler assumes on the architecture (SSE2 on x86-64, NEON on
// aarch64); then x86-64's, in order of capability, and aarch64's: kDotprod has sums of four products of bytes (Armv8.2). Engines store the numbers.
enum class Isa : int { kBaseline = 0, kAvx2, kAvx512, kAvx512Vnni, kAmx, kDotprod };
inline constexpr Isa kLastIsa = Isa::kDotprod;

// Whether code for `need` runs where `have` is the best class.
constexpr bool isa_includes(Isa have, Isa need) {
  return need == Isa::kBaseline || (need <= have && (need == Isa::kDotprod) == (have == Isa::kDotprod));
}

std::string_view isa_name(Isa isa);

struct CpuInfo {
  std::string model_name;
  Isa isa = Isa::kBaseline;    // best class usable here, after the knob SINTER_MAX_ISA
  Isa hardware_isa = Isa::kBaseline;
  bool avx_vnni = false, avx512_bf16 = false, avx512_fp16 = false;
  bool arm_fp16 = false;       // arithmetic of halves in vectors (Armv8.2), which no kernel uses: docs/decisions.md, 36
  int logical_cores = 1;       // online
  int usable_cores = 1;        // min(affinity mask, cgroup quota rounded up), at least 1: the default of --threads
  int64_t l1d_bytes = 32 << 10, l2_bytes = 1 << 20, l3_bytes = 8 << 20;  // of one core; l3 as seen by one core
  int64_t memory_bytes = 0;    // of the machine or the cgroup, the smaller
};

// Read once, thread-safe. SINTER_MAX_ISA=baseline|avx2|avx512|avx512_vnni|amx, on aarch64 baseline|dotprod, lowers `isa` (tests of narrower paths).
const CpuInfo& cpu_info();

inline bool has_isa(Isa isa) { return isa_includes(cpu_info().isa, isa); }

}  // namespace sinter
