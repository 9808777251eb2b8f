// Tiles of 8-bit values in AVX-512 VNNI: one instruction multiplies and adds four values of k for 16 columns, at the rate of the
// f32 multiply-adds. Tile shapes as in kernels_avx512.cpp.
#include "cpu/kernels/simd_avx512.h"

#include "cpu/kernels/byte_fold_avx512.h"
#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

using Sums = __m512i;
using PanelBytes = __m512i;

inline PanelBytes load_bytes(const void* p) { return _mm512_loadu_si512(p); }
inline Sums start_sums(const int32_t* p) { return _mm512_loadu_si512(p); }
inline Sums dot(Sums sums, uint32_t a, PanelBytes b) { return _mm512_dpbusd_epi32(sums, _mm512_set1_epi32(static_cast<int>(a)), b); }
inline void store_sums(int32_t* p, Sums sums) { _mm512_storeu_si512(p, sums); }

constexpr bool kFoldsInRegisters = true;

}  // namespace
}  // namespace sinter::cpu

#include "cpu/kernels/byte_tile_body.h"
#include "cpu/kernels/depthwise_bytes_vnni.h"

namespace sinter::cpu {

void add_byte_tiles_vnni(KernelTable& table) {
  table.isa = Isa::kAvx512Vnni;
  table.bytes = empty_byte_tiles(1);
  add_byte_width<1, 14>(table.bytes);
  add_byte_width<2, 14>(table.bytes);
  add_byte_width<3, 9>(table.bytes);
  add_byte_width<4, 6>(table.bytes);
  table.bytes.best_rows[0] = 11;
  table.depthwise_bytes_row = &depthwise_bytes_row;
  add_byte_helpers(table);
}

}  // namespace sinter::cpu
