// Cache blocking and thread partition over the tile kernels: one driver under matmul and convolution.
//
//   C[m x n] = epilogue(sum over segments s and k of A_s[m][k] * B_s[k][n])
//
// The rows of A are given by address: a RowFill writes the addresses of some rows in every segment. A row that is
// padding gets the address of zeros; a segment that is padding for a whole tile is left out of the sum. B is packed in
// panels over all segments (kernel_table.h). Loops, outermost first: blocks of k (C carries the sums between them),
// blocks of rows, groups of panels, tiles; so that a group of B stays in the first two cache levels over a block of
// rows and a block of A in the second over all groups.
#pragma once

#include <cstdint>

#include "base/threads.h"
#include "cpu/kernels/kernel_table.h"

namespace sinter::cpu {

// Writes out[s * count + r] = address of row `row + r` in segment s, for r < count and all segments, and returns 1.
// Where every `join` consecutive segments lie one after the other in memory for all of these rows, it may instead write
// the addresses of every join-th segment only and return `join`; not when k is blocked.
using RowFill = int (*)(const void* ctx, int64_t row, int count, const void** out);

// How the loops are blocked; any values give the same result up to rounding (k_block changes the order of the sum).
struct GemmBlocking {
  int panels = 1;        // of a tile, 1..KernelTable::max_panels
  int rows = 1;          // of a tile, 1..KernelTable::max_rows[panels - 1]
  int64_t k_block = 0;   // of each segment
  int64_t row_tiles = 1; // tiles in a block of rows
};

struct GemmArgs {
  int64_t m = 0, n = 0;
  int64_t first_row = 0;      // gemm_on_team computes rows [first_row, first_row + m)
  int64_t k = 0;              // of each segment, in units (kernel_table.h)
  int tail = 0;               // as in TileCall; then nothing is joined
  bool a_signed = false;      // as in TileCall
  int64_t segments = 1;
  RowFill fill = nullptr;
  const void* fill_ctx = nullptr;
  const int64_t* k_offsets = nullptr;  // as in TileCall; then segments is 1
  const void* zeros = nullptr;  // the address that stands for padding rows; k zeros, or nullptr where none are used
  const void* b = nullptr;
  // Operands split into two bf16: three segments for each of `segments`, low by high, high by high and high by low. A row's low parts lie a_low
  // bytes behind its high ones (behind `zeros` there are zeros), a panel's low parts follow its high ones. Else terms is 1.
  int terms = 1;
  int64_t a_low = 0;
  void* c = nullptr;          // element (row, col) of the whole output is number row * c_stride + col
  int c_bytes = 4;            // of an element
  int64_t c_stride = 0;
  int64_t col_begin = 0;      // first output column of this problem (a group of a convolution)
  const Epilogue* epilogue = nullptr;
};

inline int64_t panel_count(int64_t n) { return (n + kPanel - 1) / kPanel; }

// A blocking for the problem from its sizes alone: the tile shape with the least estimated time, blocks to fit L2. With
// `panels`, the best of the tiles that are so wide (or as wide as there are).
GemmBlocking choose_blocking(const TileSet& set, int64_t m, int64_t n, int64_t k, int64_t segments,
                             bool indexed = false, int panels = 0);

// Scratch that gemm_block needs for one thread.
int64_t gemm_scratch_bytes(const GemmBlocking& blocking, int64_t segments, int terms = 1);

// Rows [row_begin, row_end) x panels [panel_begin, panel_end) of the problem, in the calling thread. `scratch` is
// aligned to 64 bytes.
void gemm_block(const TileSet& set, const GemmArgs& args, const GemmBlocking& blocking, int64_t row_begin,
                int64_t row_end, int64_t panel_begin, int64_t panel_end, void* scratch);

// Splits `parts` threads over an m_units x n_units grid of work: m_parts * n_parts <= parts, least work for the
// busiest; of equal ones that in which it reads the fewest bytes: all that belong to its units, m_bytes and n_bytes each.
struct GridSplit {
  int m_parts, n_parts;
};
GridSplit split_grid(int parts, int64_t m_units, int64_t n_units, int64_t m_bytes = 0, int64_t n_bytes = 0);

// The whole problem on a team; `scratch` holds gemm_scratch_bytes for each thread.
void gemm_on_team(const TileSet& set, const GemmArgs& args, const GemmBlocking& blocking, ThreadTeam& team,
                  void* scratch);

}  // namespace sinter::cpu
