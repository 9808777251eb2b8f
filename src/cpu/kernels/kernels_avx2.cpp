// The dense kernel table of AVX2.
//
// Tile shape: 6 rows x 2 vectors of sums, two vectors of B and the broadcast fill 15 of 16 registers.
#include "cpu/kernels/simd_avx2.h"

#include "cpu/kernels/depthwise_body.h"
#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/pack_body.h"
#include "cpu/kernels/peak_body.h"
#include "cpu/kernels/tile_body.h"
#include "cpu/kernels/winograd_body.h"

namespace sinter::cpu {

KernelTable make_kernel_table_avx2() {
  KernelTable table{};
  table.isa = Isa::kAvx2;
  table.panel_vectors = 2;
  table.max_panels = 1;
  table.max_rows[0] = 6;
  fill_tiles<Reading::kConsecutive, 1, 6>(table.tile[0]);
  table.best_rows[0] = 6;
  table.max_indexed_panels = 1;
  fill_tiles<Reading::kIndexed, 1, 6>(table.indexed_tile[0]);
  table.depthwise_row = &depthwise_row;
  fill_winograd(table);
  fill_peak(table);
  table.activate = &activate_block;
  table.pack_panel = &pack_panel;
  table.pack_panel_transposed = &pack_panel_transposed;
  return table;
}

}  // namespace sinter::cpu
