// The dense kernel table of the baseline.
//
// Tile shape: rows x 4 vectors of sums and four of B: 29 of NEON's 32 registers, 13 of SSE2's 16.
#include "cpu/kernels/simd_portable.h"

#include "cpu/kernels/depthwise_body.h"
#include "cpu/kernels/kernel_table.h"
#include "cpu/kernels/pack_body.h"
#include "cpu/kernels/peak_body.h"
#include "cpu/kernels/tile_body.h"
#include "cpu/kernels/winograd_body.h"

namespace sinter::cpu {

#if defined(__aarch64__)
constexpr int kBaselineRows = 6;
#else
constexpr int kBaselineRows = 2;
#endif

KernelTable make_kernel_table_portable() {
  KernelTable table{};
  table.isa = Isa::kBaseline;
  table.panel_vectors = 4;
  table.max_panels = 1;
  table.max_rows[0] = kBaselineRows;
  fill_tiles<Reading::kConsecutive, 1, kBaselineRows>(table.tile[0]);
  table.best_rows[0] = kBaselineRows;
  table.max_indexed_panels = 1;
  fill_tiles<Reading::kIndexed, 1, kBaselineRows>(table.indexed_tile[0]);
  table.depthwise_row = &depthwise_row;
  fill_winograd(table);
  fill_peak(table);
  table.activate = &activate_block;
  table.pack_panel = &pack_panel;
  table.pack_panel_transposed = &pack_panel_transposed;
  return table;
}

}  // namespace sinter::cpu
