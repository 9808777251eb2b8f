// The end of a translation unit of byte tiles whose instruction set keeps no epilogue in registers: after the type Sums and its operations
// (byte_tile_body.h says which), the tiles and their entry in the kernel table.
#pragma once

#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {
namespace {

constexpr bool kFoldsInRegisters = false;
template <int kRows, int kPanels>
inline void store_folded(Sums (&)[kRows][kPanels], const TileCall&, const ByteEpilogue&) {}

}  // namespace
}  // namespace sinter::cpu

#include "cpu/kernels/byte_tile_body.h"
#include "cpu/kernels/depthwise_bytes_plain.h"

namespace sinter::cpu {
namespace {

// Tiles of one panel, which takes `panel_vectors` registers a row, up to kRows rows.
template <int kRows>
void add_plain_byte_tiles(KernelTable& table, int panel_vectors) {
  table.bytes = empty_byte_tiles(panel_vectors);
  add_byte_width<1, kRows>(table.bytes);
  table.depthwise_bytes_row = &depthwise_bytes_row;
  add_byte_helpers(table);
}

}  // namespace
}  // namespace sinter::cpu
