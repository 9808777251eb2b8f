// Tiles in AMX, of 8-bit values and of bf16. All else of those is AVX-512 VNNI's.
#include "cpu/kernels/simd_avx512.h"

#include "cpu/kernels/amx_registers.h"
#include "cpu/kernels/bf16_tile_matrix_body.h"
#include "cpu/kernels/byte_tile_matrix_body.h"

namespace sinter::cpu {

void add_matrix_tiles_amx(KernelTable& table) {
  table.isa = Isa::kAmx;
  table.bytes = byte_matrix_tiles();
  table.bf16 = bf16_matrix_tiles();
  table.split_bf16 = &split_bf16;
}

}  // namespace sinter::cpu
