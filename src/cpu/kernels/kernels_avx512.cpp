// The dense kernel table of AVX-512.
//
// Tile shapes: the sums and one vector of B a panel leave a register for the broadcast: 14 x 2 + 2 + 1 = 31 of 32,
// likewise 9 x 3 and 6 x 4. One panel is bound by loads: beyond 11 rows their addresses spill.
#include "cpu/kernels/simd_avx512.h"

#include "cpu/kernels/depthwise_body.h"
#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/pack_body.h"
#include "cpu/kernels/peak_body.h"
#include "cpu/kernels/tile_body.h"
#include "cpu/kernels/winograd_body.h"

namespace sinter::cpu {

KernelTable make_kernel_table_avx512() {
  KernelTable table{};
  table.isa = Isa::kAvx512;
  table.panel_vectors = 1;
  table.max_panels = 4;
  table.max_rows[0] = 14;
  table.max_rows[1] = 14;
  table.max_rows[2] = 9;
  table.max_rows[3] = 6;
  fill_tiles<Reading::kConsecutive, 1, 14>(table.tile[0]);
  fill_tiles<Reading::kConsecutive, 2, 14>(table.tile[1]);
  fill_tiles<Reading::kConsecutive, 3, 9>(table.tile[2]);
  fill_tiles<Reading::kConsecutive, 4, 6>(table.tile[3]);
  table.best_rows[0] = 11;
  table.best_rows[1] = 14;
  table.best_rows[2] = 9;
  table.best_rows[3] = 6;
  table.max_indexed_panels = 2;
  fill_tiles<Reading::kIndexed, 1, 14>(table.indexed_tile[0]);
  fill_tiles<Reading::kIndexed, 2, 14>(table.indexed_tile[1]);
  fill_tiles<Reading::kStepped, 1, 14>(table.stepped_tile[0]);
  fill_tiles<Reading::kStepped, 2, 14>(table.stepped_tile[1]);
  table.depthwise_row = &depthwise_row;
  fill_winograd(table);
  fill_peak(table);
  table.activate = &activate_block;
  table.pack_panel = &pack_panel;
  table.pack_panel_transposed = &pack_panel_transposed;
  return table;
}

}  // namespace sinter::cpu
