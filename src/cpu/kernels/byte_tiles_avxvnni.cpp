// Tiles of 8-bit values in AVX-VNNI, for cores that have the instruction on 256 bits and no AVX-512: one instruction multiplies and adds four
// values of k for 8 columns. Tile shape as in kernels_avx2.cpp.
#include "cpu/kernels/simd_avx2.h"

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

struct Sums {
  __m256i halves[2];  // of eight columns each
};
using PanelBytes = Sums;

inline Sums load_two(const void* p) {
  const auto* from = static_cast<const __m256i*>(p);
  return {{_mm256_loadu_si256(from), _mm256_loadu_si256(from + 1)}};
}
inline PanelBytes load_bytes(const void* p) { return load_two(p); }
inline Sums start_sums(const int32_t* p) { return load_two(p); }

inline Sums dot(Sums sums, uint32_t a, PanelBytes b) {
  const __m256i four = _mm256_set1_epi32(static_cast<int>(a));
  return {{_mm256_dpbusd_avx_epi32(sums.halves[0], four, b.halves[0]), _mm256_dpbusd_avx_epi32(sums.halves[1], four, b.halves[1])}};
}

inline void store_sums(int32_t* p, const Sums& sums) {
  for (int i = 0; i < 2; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + i * 8), sums.halves[i]);
}

}  // namespace
}  // namespace sinter::cpu

#include "cpu/kernels/byte_tiles_plain.h"

namespace sinter::cpu {

void add_byte_tiles_avxvnni(KernelTable& table) { add_plain_byte_tiles<6>(table, 2); }

}  // namespace sinter::cpu
