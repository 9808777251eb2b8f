#include "base/cpu_info.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/cpu_model.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace sinter {
namespace {

constexpr std::string_view kIsaNames[] = {"baseline", "avx2", "avx512", "avx512_vnni", "amx", "dotprod"};

std::string first_line(const char* path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

#if defined(__x86_64__)
uint64_t xcr0() {
  uint32_t lo, hi;
  __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
  return (uint64_t{hi} << 32) | lo;
}

// The kernel hands out the AMX tile registers only to processes that ask (arch_prctl ARCH_REQ_XCOMP_PERM, feature 18).
bool request_amx() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

void read_isa(CpuInfo& info) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_FMA)) return;
  const uint64_t state = xcr0();
  if ((state & 0x6) != 0x6) return;
  __cpuid_count(7, 0, a, b, c, d);
  if (!(b & bit_AVX2)) return;
  info.hardware_isa = Isa::kAvx2;
  const bool vnni512 = c & (1u << 11);
  const bool amx = (d & (1u << 24)) && (d & (1u << 22)) && (d & (1u << 25));
  uint32_t a1, b1, c1, d1;
  __cpuid_count(7, 1, a1, b1, c1, d1);
  info.avx_vnni = a1 & (1u << 4);
  const uint32_t avx512 = bit_AVX512F | bit_AVX512BW | bit_AVX512DQ | bit_AVX512VL | bit_AVX512CD;
  if ((state & 0xe6) != 0xe6 || (b & avx512) != avx512) return;
  info.hardware_isa = vnni512 ? Isa::kAvx512Vnni : Isa::kAvx512;
  info.avx512_bf16 = a1 & (1u << 5);
  info.avx512_fp16 = d & (1u << 23);
  if (vnni512 && info.avx512_bf16 && amx && (state & 0x60000) == 0x60000 && request_amx()) info.hardware_isa = Isa::kAmx;
}
#elif defined(__aarch64__)
void read_isa(CpuInfo& info) {
  const unsigned long features = getauxval(AT_HWCAP);
  if (features & HWCAP_ASIMDDP) info.hardware_isa = Isa::kDotprod;
  info.arm_fp16 = (features & HWCAP_FPHP) && (features & HWCAP_ASIMDHP);
}
#else
void read_isa(CpuInfo&) {}
#endif

// Cores a cgroup's CPU quota allows, or a large number when there is none.
int quota_cores() {
  std::istringstream v2(first_line("/sys/fs/cgroup/cpu.max"));
  std::string quota;
  double period = 0;
  if (v2 >> quota >> period && quota != "max" && period > 0) {
    return std::max(1, static_cast<int>(std::strtod(quota.c_str(), nullptr) / period + 0.999));
  }
  const double q = std::strtod(first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").c_str(), nullptr);
  const double p = std::strtod(first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str(), nullptr);
  return q > 0 && p > 0 ? std::max(1, static_cast<int>(q / p + 0.999)) : 1 << 20;
}

int64_t cache_bytes(int name, int64_t fallback) {
  const long value = sysconf(name);
  return value > 0 ? value : fallback;
}

CpuInfo read_cpu_info() {
  CpuInfo info;
  read_isa(info);
  info.isa = info.hardware_isa;
  if (const char* limit = std::getenv("SINTER_MAX_ISA")) {
    for (int i = 0; i < static_cast<int>(std::size(kIsaNames)); ++i) {
      if (kIsaNames[i] == limit && isa_includes(info.hardware_isa, static_cast<Isa>(i))) info.isa = static_cast<Isa>(i);
    }
    if (limit == std::string_view("avx_vnni") && isa_includes(info.hardware_isa, Isa::kAvx2)) info.isa = Isa::kAvx2;
    else if (info.isa < info.hardware_isa) info.avx_vnni = info.avx_vnni && info.isa > Isa::kAvx2;
  }
  std::ifstream cpuinfo("/proc/cpuinfo");
  info.model_name = cpu_model(cpuinfo);
  info.logical_cores = static_cast<int>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)));
  info.usable_cores = info.logical_cores;
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) info.usable_cores = std::max(1, CPU_COUNT(&mask));
  info.usable_cores = std::min(info.usable_cores, quota_cores());
  info.l1d_bytes = cache_bytes(_SC_LEVEL1_DCACHE_SIZE, info.l1d_bytes);
  info.l2_bytes = cache_bytes(_SC_LEVEL2_CACHE_SIZE, info.l2_bytes);
  info.l3_bytes = cache_bytes(_SC_LEVEL3_CACHE_SIZE, info.l3_bytes);
  info.memory_bytes = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  const long long limit = std::strtoll(first_line("/sys/fs/cgroup/memory.max").c_str(), nullptr, 10);
  if (limit > 0) info.memory_bytes = std::min<int64_t>(info.memory_bytes, limit);
  return info;
}

}  // namespace

std::string_view isa_name(Isa isa) { return kIsaNames[static_cast<int>(isa)]; }

const CpuInfo& cpu_info() {
  static const CpuInfo info = read_cpu_info();
  return info;
}

}  // namespace sinter
