// The innermost loops of the dense kernel family, one table of function pointers for each instruction set.
//
// Everything that depends on vector instructions is behind this table; the drivers (gemm_driver, conv, depthwise) are
// common code. Packed weights have one layout for all instruction sets, panels of kPanel columns: a panel holds for
// each k the 16 values B[k][16 p .. 16 p + 15], zero beyond the last column, and panel p + 1 follows panel p. An engine
// packed on one machine therefore runs on any other.
#pragma once

#include <cstdint>

#include "base/cpu_info.h"
#include "cpu/kernels/epilogue.h"

namespace sinter::cpu {

inline constexpr int kPanel = 16;         // columns in a panel: one AVX-512 register, two AVX2, four NEON
inline constexpr int kMaxTilePanels = 4;  // widest tile of any table
inline constexpr int kMaxTileRows = 32;   // tallest tile of any table
inline constexpr int kPixelStep = 2;      // floats from row to row in stepped tiles: planar images under a stride of 2

// The reduction runs in units of four bytes: one float, two consecutive bf16 (bf16_tile_matrix_body.h) or four values of 8 bits (byte_tile_body.h), so that
// blocking, prefetch and the layout of panels are the same for every element type.
inline constexpr int kUnitBytes = 4;

// One step of a batch reduction: rows[r] + a_shift is the address of A_b[r][0], B_b starts b_offset units into each panel.
struct TileSegment {
  const void* const* rows;
  int64_t b_offset;
  int64_t a_shift = 0;  // bytes; of split bf16 only
};

// C[rows x cols] = epilogue(sum over segments and k of A[r][a_offset + k] * B[b_offset + 16 k + c] (+ C)).
// With k_offsets there is one segment and A's element k of row r is rows[r][k_offsets[k]].
struct TileCall {
  const TileSegment* segments;
  int64_t segment_count;
  int64_t k;               // length of each segment in units
  int tail;                // bytes of A in each segment's last unit where that is not whole, else 0; 8-bit values only
  bool a_signed;           // A is s8, not u8; where TileSet::signed_a
  int64_t a_low, b_low;    // of split bf16: bytes from a row's high parts to its low ones, units likewise in a panel; 0: not split
  int64_t a_offset;        // units added to every row address
  const int64_t* k_offsets;
  const void* b;           // first panel of the tile
  int64_t panel_stride;    // units from one panel to the next
  void* c;
  int64_t c_stride;        // elements of C
  int rows;                // of the tile: what the function is for, but where one serves several heights
  int cols;                // columns to store, in (16 (panels - 1), 16 panels]
  bool accumulate;         // start from C instead of from the bias
  bool finish;             // apply the epilogue after the sum
  const Epilogue* epilogue;
  int64_t row, col;        // coordinates of the tile in the output, for bias, residual and post
  const char* prefetch;    // memory that a later tile will read; two lines are fetched to L2 for every four k
  int64_t prefetch_step;   // bytes to advance after each pair of lines
};
using TileFn = void (*)(const TileCall& call);

// One output row of a depthwise convolution, channels last: for each pixel x in [0, pixels) and channel
//   dst[x] = epilogue(sum over taps (i, j) with tap_row i valid and 0 <= left + x * stride + j * dilation < width).
struct DepthwiseCall {
  const float* const* src_rows;  // source row of each vertical tap, channel 0 of column 0; nullptr for a padding row
  int64_t kh, kw;
  int64_t stride, dilation, left;  // horizontal; left = -pad_left
  int64_t width;                   // source columns
  int64_t src_pixel_stride;
  const float* weights;            // [kh][kw][padded channels]
  int64_t weight_stride;           // padded channels, a multiple of kPanel
  int64_t channels;                // of this call
  float* dst;
  int64_t dst_pixel_stride;
  int64_t pixels;
  const Epilogue* epilogue;
  int64_t row, col;                // output coordinates (pixel index, channel) of dst[0]
};
using DepthwiseFn = void (*)(const DepthwiseCall& call);

// One output row of a depthwise convolution of 8-bit values, channels last (depthwise_bytes.h).
inline constexpr int kMaxByteDepthwiseRows = 16;
struct ByteDepthwiseCall {
  // Source row of each vertical tap, channel 0 of column 0, filled up to a multiple of four; columns are row_steps bytes apart, 0 for
  // a row of padding, which is `padding`.
  const uint8_t* rows[kMaxByteDepthwiseRows];
  int64_t row_steps[kMaxByteDepthwiseRows];
  const uint8_t* padding;          // 64 bytes of it
  uint8_t flip;                    // source bytes and padding are read xor this
  int64_t kh, kw;
  int64_t stride, dilation, left;  // horizontal; left = -pad_left
  int64_t width;                   // source columns
  const int8_t* plain_weights;     // [kh][kw][channels rounded up to 64]
  const int8_t* weights;           // by blocks of channels, four vertical taps of a channel side by side
  const int32_t* start;            // ByteEpilogue's, in the order of the blocks' vectors
  const float *folded_scale, *folded_bias;
  int64_t channels;
  int64_t channel_begin, channel_end;  // of this call; begins at a block
  uint8_t* dst;                    // channel 0 of the first pixel
  int64_t dst_pixel_stride;        // elements
  int64_t pixels;
  const Epilogue* epilogue;        // with bytes
  int64_t row;                     // output pixel index of the first
};
using ByteDepthwiseFn = void (*)(const ByteDepthwiseCall& call);

// The points of F(4, 3) are 0, +-kWinogradPointA, +-kWinogradPointB and infinity.
inline constexpr double kWinogradPointA = 0.625, kWinogradPointB = 1.5;

// One tile of a convolution by Winograd's minimal filtering (winograd.h): the source's values at the points.
struct WinogradInputCall {
  const float* const* pixels;  // channel 0 of the tile's size x size pixels, row by row; zeros where padding
  int64_t channels;
  float* dst;                  // point p's value of channel c at dst[p * plane_stride + c]; may write up to a multiple of kPanel
  int64_t plane_stride;
};
using WinogradInputFn = void (*)(const WinogradInputCall& call);

// And the outputs from the products at the points.
struct WinogradOutputCall {
  const float* src;            // point p's product of column c at src[p * plane_stride + c], readable up to a multiple of kPanel
  int64_t plane_stride;
  int cols;
  int rows, pixels;            // of the tile to store
  float* dst;
  int64_t dst_row_stride, dst_pixel_stride;
  int64_t row, col;            // output coordinates (pixel index, channel) of dst[0]
  int64_t row_step, pixel_step;  // pixel indices from row to row and from pixel to pixel of the tile
  const Epilogue* epilogue;
};
using WinogradOutputFn = void (*)(const WinogradOutputCall& call);

// The tiles of one element type. Those of 8-bit values hold sums over all of k only: no accumulation into C, no k_offsets.
struct TileSet {
  int panel_vectors;                       // vector registers of sums for one row of one panel
  bool whole_k;                            // a tile sums over all of k: k is never blocked
  bool matrix;                             // registers are matrices of 16 rows (AMX): costs are others
  bool signed_a;                           // 8-bit values of A may be signed
  void (*release)();                       // after a thread's last tile of a block, where the set keeps something for the thread; else null
  int max_panels;                          // tiles exist for 1..max_panels panels
  int max_rows[kMaxTilePanels];            // and for 1..max_rows[panels - 1] rows; never more rows for more panels
  int best_rows[kMaxTilePanels];           // the fastest height for each width
  TileFn tile[kMaxTilePanels][kMaxTileRows];
  int max_indexed_panels;                  // likewise for calls with k_offsets, with the same heights
  TileFn indexed_tile[kMaxTilePanels][kMaxTileRows];
  TileFn stepped_tile[kMaxTilePanels][kMaxTileRows];  // indexed, with rows kPixelStep apart; null where there is none
};

// Its own tiles are those of f32.
struct KernelTable : TileSet {
  Isa isa;
  TileSet bf16;                            // bf16 A times bf16 B, summed in f32 (conv_bf16.h); no tiles (max_panels is 0) where there is no AMX
  // The bf16 nearest to each of n values and, where `low` is not null, to what it leaves: high + low is the value within 2^-17. What is beyond
  // the largest bf16 becomes that one, and the low part of infinities and NaN is 0.
  void (*split_bf16)(const float* source, int64_t n, uint16_t* high, uint16_t* low);
  TileSet bytes;                           // u8 A times s8 B, exact in i32; Epilogue::bytes says what becomes of the sums
  ByteDepthwiseFn depthwise_bytes_row;
  // One panel of bytes from rows of B: k and columns are filled up with zeros, unsigned values become signed ones 128 less. sums[16]
  // becomes the sum of each column.
  void (*pack_byte_panel)(const uint8_t* src, int64_t src_stride, int64_t k, int cols, bool is_unsigned, int8_t* dst, int32_t* sums);
  // to[i] = the largest of taps[t][i], at least one tap.
  void (*max_bytes)(const uint8_t* const* taps, int count, int64_t n, bool is_signed, uint8_t* to);
  // sums[c] += the sum of source[p * stride + c] ^ flip over p < pixels, for c < n.
  void (*sum_bytes)(const uint8_t* source, int64_t stride, int64_t pixels, int64_t n, uint8_t flip, int64_t* sums);
  // target[3 i + c] = source[c * plane + i] ^ flip for i < n.
  void (*interleave_three)(const uint8_t* source, int64_t plane, int64_t n, uint8_t flip, uint8_t* target);
  // target[i] = source[i] ^ 0x80: signed values to unsigned ones that are 128 more, and back.
  void (*flip_bytes)(const uint8_t* source, uint8_t* target, int64_t n);
  DepthwiseFn depthwise_row;
  WinogradInputFn winograd_input[2];       // of F(2, 3) and F(4, 3)
  WinogradOutputFn winograd_output[2];
  // The epilogue without bias on a rows x cols block of c (all but post); col and row as in TileCall.
  void (*activate)(float* c, int64_t c_stride, int rows, int cols, const Epilogue& epilogue, int64_t row, int64_t col);
  // dst[k][16] = src[k][0..cols) with zeros up to 16; and the same from the transpose, src[col][k].
  void (*pack_panel)(const float* src, int64_t src_stride, int64_t k, int cols, float* dst);
  void (*pack_panel_transposed)(const float* src, int64_t src_stride, int64_t k, int cols, float* dst);
  // `rounds` of peak_ops operations each on registers alone: what the vector units can do.
  float (*peak_loop)(int64_t rounds);
  int64_t peak_ops;
};

// The table of the best implemented instruction set that is not above `isa`, which must not exceed the hardware's.
const KernelTable& kernel_table(Isa isa);
// For tests: what kernel_table(Isa::kAmx) is from now on, where the machine has no AMX. Lives as long as the program; not beside other threads.
void emulate_amx(const KernelTable& table);
inline const KernelTable& kernel_table() { return kernel_table(cpu_info().isa); }

}  // namespace sinter::cpu
