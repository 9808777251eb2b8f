// Tiles of 8-bit values in AVX2: both sides widen to 16 bits, so that sums of products are exact (vpmaddubsw would saturate).
//
// A sum is kept as two, of the even and the odd pairs of k: four registers a row and panel. Two rows fill half the registers.
#include "cpu/kernels/simd_avx2.h"

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

struct Sums {
  __m256i pairs[4];  // of four columns each
};
struct PanelBytes {
  const char* from;
};

inline PanelBytes load_bytes(const void* p) { return {static_cast<const char*>(p)}; }

inline Sums start_sums(const int32_t* p) {
  Sums sums;
  for (int i = 0; i < 4; ++i) sums.pairs[i] = _mm256_cvtepu32_epi64(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + i * 4)));
  return sums;
}

inline Sums dot(Sums sums, uint32_t a, PanelBytes b) {
  const __m256i wide = _mm256_broadcastq_epi64(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(static_cast<int>(a))));
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m256i columns = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b.from + i * 16)));
    sums.pairs[i] = _mm256_add_epi32(sums.pairs[i], _mm256_madd_epi16(wide, columns));
  }
  return sums;
}

inline void store_sums(int32_t* p, const Sums& sums) {
  for (int i = 0; i < 2; ++i) {
    const __m256i added = _mm256_hadd_epi32(sums.pairs[2 * i], sums.pairs[2 * i + 1]);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + i * 8), _mm256_permute4x64_epi64(added, 0xd8));
  }
}

}  // namespace
}  // namespace sinter::cpu

#include "cpu/kernels/byte_tiles_plain.h"

namespace sinter::cpu {

void add_byte_tiles_avx2(KernelTable& table) { add_plain_byte_tiles<2>(table, 4); }

}  // namespace sinter::cpu
