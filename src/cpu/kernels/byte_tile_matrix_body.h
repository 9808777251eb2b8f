// Tiles of 8-bit values over matrix registers: matrix_tile_body.h's sums through the epilogues of 8-bit values.
#pragma once

#include "cpu/kernels/byte_finish_body.h"
#include "cpu/kernels/byte_fold_avx512.h"
#include "cpu/kernels/matrix_tile_body.h"

namespace sinter::cpu {
namespace {

// `kRows` rows of sums, kPanels * 16 apart, through the folded epilogue.
template <int kRows, int kPanels>
inline int fold_rows(const int32_t* sums, int row, const TileCall& call, TileCall& part) {
  const ByteEpilogue& e = *call.epilogue->bytes;
  for (; row + kRows <= call.rows; row += kRows) {
    __m512i acc[kRows][kPanels];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
      for (int j = 0; j < kPanels; ++j) acc[r][j] = _mm512_load_si512(sums + ((row + r) * kPanels + j) * kPanel);
    }
    part.row = call.row + row;
    part.c = static_cast<char*>(call.c) + row * call.c_stride;
    store_folded(acc, part, e);
  }
  return row;
}

template <int kHalves, int kPanels>
void byte_matrix_tile(const TileCall& call) {
  const int first = shape_for<kHalves>(call);
  const ByteEpilogue& e = *call.epilogue->bytes;
  constexpr int kWidth = kPanels * kPanel;
  prefetch_results(call, call.rows);
  // Every row of a register begins with the same sums.
  load_tile<0>(e.start + call.col, 0);
  if constexpr (kPanels > 1) load_tile<1>(e.start + call.col + kPanel, 0);
  if constexpr (kPanels > 2 || kHalves > 1) load_tile<2>(e.start + call.col + (kHalves > 1 ? 0 : 2 * kPanel), 0);
  if constexpr (kPanels > 3 || (kHalves > 1 && kPanels > 1)) load_tile<3>(e.start + call.col + (kHalves > 1 ? 1 : 3) * kPanel, 0);
  if (call.a_signed) sum_matrices<kHalves, kPanels, Products::kSignedBytes>(call, first);
  else sum_matrices<kHalves, kPanels, Products::kUnsignedBytes>(call, first);
  alignas(64) int32_t sums[kHalves * kTileRows * kWidth];
  store_matrices<kHalves, kPanels>(sums, first);
  if (!e.folded) return finish_sums(sums, kWidth, call.rows, call);
  TileCall part = call;
  constexpr int kBlock = kPanels > 2 ? 4 : 8;
  int row = fold_rows<kBlock, kPanels>(sums, 0, call, part);
  row = fold_rows<2, kPanels>(sums, row, call, part);
  fold_rows<1, kPanels>(sums, row, call, part);
}

TileSet byte_matrix_tiles() {
  TileSet set = matrix_set({&byte_matrix_tile<1, 1>, &byte_matrix_tile<1, 2>, &byte_matrix_tile<1, 3>, &byte_matrix_tile<1, 4>},
                           {&byte_matrix_tile<2, 1>, &byte_matrix_tile<2, 2>});
  set.signed_a = true;
  return set;
}

}  // namespace
}  // namespace sinter::cpu
