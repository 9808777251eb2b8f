// Tiles of 8-bit values in AMX. All else of 8-bit values is AVX-512 VNNI's.
#include "cpu/kernels/simd_avx512.h"

#include "cpu/kernels/amx_registers.h"
#include "cpu/kernels/byte_tile_matrix_body.h"

namespace sinter::cpu {

void add_byte_tiles_amx(KernelTable& table) {
  table.isa = Isa::kAmx;
  table.bytes = matrix_tiles();
}

}  // namespace sinter::cpu
