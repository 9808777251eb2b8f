// The first convolution of a network: few input channels, row-major (nchw) as images come, channels-last output; tensor cores, f32 sums.
//
// A block makes TILE_Y x 16 pixels of BN output channels: it keeps the input under them in shared memory and reads fragments straight from
// there. k runs over (channel, r, s) with s padded to SPAD (4, 8 or 16), and over whole steps of 16; the weights come packed in fragment
// order, zeros in the padding: word ((step * (n8) + n / 8) * 32 + lane) * 2 + {0, 1} holds b(k = 16 step + 2 (lane % 4) + {0, 8} + {0, 1}, n / 8 * 8 + lane / 4).
// Images of 8-bit integers (INTEGERS, elements FROM) become f16 less their zero point, whose sums are exact; their weights are packed so.
// Compile-time names: TYPE FROM OUT CHANNELS TAPS_R TAPS_S SPAD STRIDE_Y STRIDE_X TILE_Y (even) BN WHOLE, and "generated.h" as for dense.cu.
// Of the parameters (dense_params.h): a b c, n, rows_y rows_x, y_origin height x_origin width, a_image, c_image c_y c_x, operands.
// tiles_m, tiles_n: tiles along y and x; by_x divides by tiles_n. Grid: tiles of an image, images, blocks of BN channels.
#include "device.h"
#include "dense_params.h"
using namespace sinter_kernels;
#ifndef TYPE
#define TYPE f16
#define FROM f16
#define OUT f16
#define CHANNELS 3
#define TAPS_R 7
#define TAPS_S 7
#define SPAD 8
#define STRIDE_Y 2
#define STRIDE_X 2
#define TILE_Y 8
#define BN 64
#define WHOLE 1
#endif
#include "tensor_core.h"
#include "strip.h"
#include "dense_operand.h"
#define A_ZERO 0
#define SINTER_EXACT_SUMS 1
#include "dense_integer.h"
#include "generated.h"
#include "dense_finish.h"

constexpr int kWarps = TILE_Y / 2, kThreads = kWarps * 32;
constexpr int kPatchRows = (TILE_Y - 1) * STRIDE_Y + TAPS_R;
constexpr int kPatchLine = ((15 * STRIDE_X + SPAD) + 1) / 2 * 2;  // even: words of two elements
constexpr int kLines = CHANNELS * TAPS_R;                         // rows of s in k
constexpr int kSteps = (kLines * SPAD + 15) / 16, kPerStep = 16 / SPAD;
constexpr int kPerWord = 4 / sizeof(FROM), kWords = (kPatchLine + 2 * kPerWord - 2) / kPerWord;  // that a line of the patch may touch
constexpr int kPatch = (CHANNELS * kPatchRows * kPatchLine * 2 + 15) / 16 * 16;
constexpr int kWeights = kSteps * (BN / 8) * 256;
constexpr int kStrip = BN + 8, kItems = BN / 16;  // of a strip of sixteen pixels: floats a row, chunks of eight a lane
static_assert(SPAD >= TAPS_S && (SPAD == 4 || SPAD == 8 || SPAD == 16) && BN % 16 == 0 && TILE_Y % 2 == 0, "see above");

// The two elements of the patch from `at` on, as a register; `mask` clears what lies beyond the filter.
SINTER_DEVICE u32 pair(const u16* patch, int at, u32 mask) {
  if (STRIDE_X % 2 == 0) return *(const u32*)(patch + at) & mask;
  return ((u32)patch[at] | (u32)patch[at + 1] << 16) & mask;
}

#if INTEGERS
SINTER_DEVICE u16 patch_element(FROM x, f32 zero) { return from_f32<f16>(to_f32(x) - zero).bits; }
#else
SINTER_DEVICE u16 patch_element(FROM x, f32) { return x.bits; }
#endif

// From rows of the image that begin at whole words and are whole words. Several a thread are on their way before the first is stored.
SINTER_DEVICE void load_patch_words(const DenseParams& p, u16* patch, int y0, int x0) {
  constexpr int kCount = kLines / TAPS_R * kPatchRows * kWords, kBatch = 6;
  const FROM* image = (const FROM*)p.a + block_y() * p.a_image;
  const f32 zero = image_zero(p);
  const int shift = x0 & (kPerWord - 1);
  for (int first = thread_x(); first < kCount; first += kBatch * kThreads) {
    Vec<FROM, kPerWord> words[kBatch];
    u32 insides = 0;
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int i = first + b * kThreads, line = i / kWords, x = x0 - shift + (i - line * kWords) * kPerWord;
      const int channel = line / kPatchRows, y = y0 + line - channel * kPatchRows;
      const bool inside = i < kCount && (u32)y < (u32)p.height && (u32)x < (u32)p.width;
      if (inside) words[b] = load_vec<FROM, kPerWord>(image + (channel * p.height + y) * p.width + x);
      insides |= (u32)inside << b;
    }
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int i = first + b * kThreads, line = i / kWords, at = (i - line * kWords) * kPerWord - shift;
#pragma unroll
      for (int e = 0; e < kPerWord; ++e) {
        const u16 value = insides >> b & 1 ? patch_element(words[b].at[e], zero) : (u16)0;
        if (i < kCount && (u32)(at + e) < (u32)kPatchLine) patch[line * kPatchLine + at + e] = value;
      }
    }
  }
}

// Eight elements a thread are on their way before the first is stored.
SINTER_DEVICE void load_patch(const DenseParams& p, u16* patch, int y0, int x0) {
  constexpr int kCount = CHANNELS * kPatchRows * kPatchLine, kBatch = 8;
  const FROM* image = (const FROM*)p.a + block_y() * p.a_image;
  const f32 zero = image_zero(p);
  for (int first = thread_x(); first < kCount; first += kBatch * kThreads) {
    u16 values[kBatch];
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      const int i = first + b * kThreads, line = i / kPatchLine, x = x0 + i - line * kPatchLine;
      const int channel = line / kPatchRows, y = y0 + line - channel * kPatchRows;
      const bool inside = i < kCount && (u32)y < (u32)p.height && (u32)x < (u32)p.width;
      values[b] = inside ? patch_element(image[(channel * p.height + y) * p.width + x], zero) : (u16)0;
    }
#pragma unroll
    for (int b = 0; b < kBatch; ++b) {
      if (first + b * kThreads < kCount) patch[first + b * kThreads] = values[b];
    }
  }
}

// Registers for so many blocks a processor: with more, the loads of few blocks are what all wait for.
SINTER_KERNEL_BLOCKS(first_conv, kThreads, 512 / kThreads, (const DenseParams p)) {
  SINTER_DYNAMIC_SHARED(memory);
  u16* const patch = (u16*)memory;
  const u32 weights = shared_address(memory + kPatch);
  const int tile_y = divide(block_x(), p.by_x), y1 = tile_y * TILE_Y, x1 = (block_x() - tile_y * p.tiles_n) * 16;
  const int first_column = block_z() * BN, n8 = (p.n + 7) / 8;
  for (int i = thread_x(); i < kWeights / 16; i += kThreads) {
    const int step = i / (BN / 8 * 16), in_step = i - step * (BN / 8 * 16), column = first_column / 8 + in_step / 16;
    const u32* from = (const u32*)p.b + ((i64)step * n8 + column) * 64 + in_step % 16 * 4;
    copy_async<16>(weights + i * 16, column < n8 ? (const void*)from : p.b, column < n8);
  }
  copy_async_commit();
  after_previous();
  const int y0 = y1 * STRIDE_Y + p.y_origin, x0 = x1 * STRIDE_X + p.x_origin;
  if (p.width % kPerWord == 0) load_patch_words(p, patch, y0, x0);
  else load_patch(p, patch, y0, x0);
  copy_async_wait<0>();
  barrier();

  // Two rows of sixteen pixels a warp; this lane's pixels are g and g + 8 of each.
  const int g = lane() >> 2, t = lane() & 3;
  const int s = t * 2 % SPAD, low_line = t * 2 / SPAD, high_line = (t * 2 + 8) / SPAD, high_s = (t * 2 + 8) % SPAD;
  const u32 low_mask = s + 1 < TAPS_S ? 0xffffffffu : s < TAPS_S ? 0xffffu : 0u;
  const u32 high_mask = high_s + 1 < TAPS_S ? 0xffffffffu : high_s < TAPS_S ? 0xffffu : 0u;
  f32 sums[2][BN / 8][4];
#pragma unroll
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < BN / 8; ++j)
      for (int e = 0; e < 4; ++e) sums[i][j][e] = 0;
#pragma unroll
  for (int step = 0; step < kSteps; ++step) {
    u32 a[2][4];
    const int low = step * kPerStep + low_line, high = step * kPerStep + high_line;
    const int low_at = (low / TAPS_R * kPatchRows + low % TAPS_R) * kPatchLine + s;
    const int high_at = (high / TAPS_R * kPatchRows + high % TAPS_R) * kPatchLine + high_s;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int at = (warp() * 2 + i) * STRIDE_Y * kPatchLine + g * STRIDE_X;
      a[i][0] = low < kLines ? pair(patch, low_at + at, low_mask) : 0;
      a[i][1] = low < kLines ? pair(patch, low_at + at + 8 * STRIDE_X, low_mask) : 0;
      a[i][2] = high < kLines ? pair(patch, high_at + at, high_mask) : 0;
      a[i][3] = high < kLines ? pair(patch, high_at + at + 8 * STRIDE_X, high_mask) : 0;
    }
#pragma unroll
    for (int j = 0; j < BN / 8; ++j) {
      const u32 b = weights + ((step * (BN / 8) + j) * 32 + lane()) * 8, b0 = load_shared_word(b), b1 = load_shared_word(b + 4);
      for (int i = 0; i < 2; ++i) TileProduct<TYPE>::add(sums[i][j], a[i], b0, b1);
    }
  }
  barrier();

  const u32 strip = shared_address(memory) + warp() * 16 * kStrip * 4;
#pragma unroll
  for (int i = 0; i < 2; ++i) {
#pragma unroll
    for (int j = 0; j < BN / 8; ++j) {
      const int word = strip_word<kStrip>(t * 2) + j * 4;
      store_shared_f32x2(strip + (g * kStrip + word) * 4, sums[i][j][0], sums[i][j][1]);
      store_shared_f32x2(strip + ((g + 8) * kStrip + word) * 4, sums[i][j][2], sums[i][j][3]);
    }
    warp_barrier();
    const int y = y1 + warp() * 2 + i;
    Place places[kItems];
    f32 v[kItems][8];
#pragma unroll
    for (int b = 0; b < kItems; ++b) {
      const int item = b * 32 + lane(), x = x1 + item / (BN / 8), in_strip = item % (BN / 8) * 8;
      load_strip<kStrip>(strip + item / (BN / 8) * kStrip * 4, in_strip, v[b]);
      Place& place = places[b];
      place.outer = place.inner = 0;
      place.exists = y < p.rows_y && x < p.rows_x && first_column + in_strip < p.n;
      place.column = place.exists ? first_column + in_strip : 0;
      place.count = WHOLE || p.n - place.column > 8 ? 8 : p.n - place.column;
      const int row = y < p.rows_y ? y : p.rows_y - 1, column = x < p.rows_x ? x : p.rows_x - 1;
      place.row = (block_y() * p.rows_y + row) * p.rows_x + column;
      place.offset = block_y() * p.c_image + row * p.c_y + column * p.c_x + place.column;
    }
    Finish finish;  // a lane has the same columns of every pixel
    static_assert(32 % (BN / 8) == 0, "whole pixels of items a warp");
    load_finish(p, places[0], finish);
    to_results(p, places, finish, v);
#pragma unroll
    for (int b = 0; b < kItems; ++b) {
      if (places[b].exists) store_eight<OUT, RoundResult>((OUT*)p.c + places[b].offset, v[b], places[b].count);
    }
    warp_barrier();
  }
}
