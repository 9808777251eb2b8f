// Depthwise rows of 8-bit values in Armv8.2's dot products (contract: kernel_table.h): four vertical taps of four
// channels an instruction. Activations are read as signed values, 128 less than they are, which the sums to begin with
// make good: every tap counts, padding too. Included after byte_tile_body.h.
#pragma once

#include "cpu/kernels/byte_tile_body.h"
#include "cpu/kernels/depthwise_bytes.h"

namespace sinter::cpu {
namespace {

constexpr int kPartChannels = 16;  // of a block, in one register of each source row
constexpr int kDepthwisePixels = 4;

// A block of channels (depthwise_bytes.h) and what its sums begin with, by channels.
struct DepthwiseBlock {
  int64_t channel, width;
  int cols;  // channels that exist
  const int8_t* weights;
  int32_t start[kByteBlock];
};

inline int64_t quads_of(const ByteDepthwiseCall& call) { return (call.kh + 3) / 4; }

inline DepthwiseBlock block_at(const ByteDepthwiseCall& call, int64_t channel) {
  DepthwiseBlock block;
  block.channel = channel;
  block.width = byte_block_width(call.channels, channel);
  block.cols = static_cast<int>(call.channel_end - channel < block.width ? call.channel_end - channel : block.width);
  block.weights = call.weights + quads_of(call) * 4 * call.kw * channel;
  const int64_t parts = block.width / kPartChannels, taps = quads_of(call) * call.kw;
  for (int64_t v = 0; v < block.width / 4; ++v) {
    const int64_t first = v % parts * kPartChannels + v / parts * 4;
    int32x4_t shift = vdupq_n_s32(0);
    for (int64_t t = 0; t < taps; ++t)
      shift = vdotq_s32(shift, vld1q_s8(block.weights + t * 4 * block.width + v * 16), vdupq_n_s8(-128));
    vst1q_s32(block.start + first, vsubq_s32(vld1q_s32(call.epilogue->bytes->start + channel + first), shift));
  }
  return block;
}

// A part's channels of neighbouring columns of four source rows: where the first one is, and how far apart they are.
struct DepthwiseWindow {
  const uint8_t* rows[4];
  int64_t steps[4];
};

// With padding beside the source, and not a byte read behind it: 16 bytes a column and row in `copy`.
__attribute__((noinline)) void copy_window(const ByteDepthwiseCall& call, int64_t quad, int64_t first, int columns,
                                           int64_t channel, uint8_t* copy, DepthwiseWindow& window) {
  const int64_t rest = call.channels - channel, bytes = rest < kPartChannels ? rest : kPartChannels;
  for (int i = 0; i < 4; ++i) {
    const int64_t step = call.row_steps[quad * 4 + i];
    window.rows[i] = copy;
    window.steps[i] = kPartChannels;
    for (int64_t column = first; column < first + columns; ++column, copy += kPartChannels) {
      const bool inside = step != 0 && static_cast<uint64_t>(column) < static_cast<uint64_t>(call.width);
      std::memcpy(copy, call.padding, kPartChannels);
      if (inside) std::memcpy(copy, call.rows[quad * 4 + i] + column * step + channel, static_cast<size_t>(bytes));
    }
  }
}

// `copy` has room for a copy.
inline DepthwiseWindow window_at(const ByteDepthwiseCall& call, int64_t quad, int64_t first, int columns,
                                 int64_t channel, uint8_t* copy) {
  DepthwiseWindow window;
  const int64_t last = first + columns - 1;
  bool whole = first >= 0 && last < call.width;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const int64_t step = window.steps[i] = call.row_steps[quad * 4 + i];
    window.rows[i] = step != 0 ? call.rows[quad * 4 + i] + first * step + channel : call.padding;
    // What follows in a row is of the source too, and has no weights.
    whole = whole && (step == 0 || (call.width - 1 - last) * step + call.channels - channel >= kPartChannels);
  }
  if (!whole) copy_window(call, quad, first, columns, channel, copy, window);
  return window;
}

// The window's next column in the weights' order.
inline __attribute__((always_inline)) void order_column(DepthwiseWindow& window, uint8x16_t flip,
                                                        int8x16_t (&ordered)[4]) {
  uint8x16_t rows[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    rows[i] = veorq_u8(vld1q_u8(window.rows[i]), flip);
    window.rows[i] += window.steps[i];
  }
  const uint16x8_t a = vreinterpretq_u16_u8(vzip1q_u8(rows[0], rows[1])),
                   b = vreinterpretq_u16_u8(vzip1q_u8(rows[2], rows[3]));
  const uint16x8_t c = vreinterpretq_u16_u8(vzip2q_u8(rows[0], rows[1])),
                   d = vreinterpretq_u16_u8(vzip2q_u8(rows[2], rows[3]));
  ordered[0] = vreinterpretq_s8_u16(vzip1q_u16(a, b));
  ordered[1] = vreinterpretq_s8_u16(vzip2q_u16(a, b));
  ordered[2] = vreinterpretq_s8_u16(vzip1q_u16(c, d));
  ordered[3] = vreinterpretq_s8_u16(vzip2q_u16(c, d));
}

inline __attribute__((always_inline)) void add_tap(int32x4_t (&acc)[4], const int8x16_t (&ordered)[4],
                                                   const int8_t* weights, int64_t width) {
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) acc[k] = vdotq_s32(acc[k], ordered[k], vld1q_s8(weights + k * width));
}

inline __attribute__((always_inline)) void load_start(const int32_t* start, int32x4_t (&acc)[4]) {
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) acc[k] = vld1q_s32(start + k * 4);
}

inline __attribute__((always_inline)) void store_part(const int32x4_t (&acc)[4], int32_t* sums) {
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) vst1q_s32(sums + k * 4, acc[k]);
}

// kTaps taps side by side: a column serves every pixel that it reaches.
template <int kTaps, int kStride>
struct Sliding {
  static constexpr int kPixels = kDepthwisePixels;
  static void run(const ByteDepthwiseCall& call, const DepthwiseBlock& block, int64_t x, int part, int32_t* sums) {
    constexpr int kColumns = (kPixels - 1) * kStride + kTaps;
    int32x4_t acc[kPixels][4];
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) load_start(block.start + part * kPartChannels, acc[p]);
    const int8_t* weights = block.weights + part * 16;
    const uint8x16_t flip = vdupq_n_u8(call.flip ^ 0x80);
    const int64_t width = block.width, channel = block.channel + part * kPartChannels, first = call.left + x * kStride;
    for (int64_t quad = 0; quad < quads_of(call); ++quad, weights += kTaps * 4 * width) {
      uint8_t copy[4 * kColumns * kPartChannels];
      DepthwiseWindow window = window_at(call, quad, first, kColumns, channel, copy);
#pragma GCC unroll 16
      for (int column = 0; column < kColumns; ++column) {
        int8x16_t ordered[4];
        order_column(window, flip, ordered);
#pragma GCC unroll 8
        for (int t = 0; t < kTaps; ++t) {
          const int p = (column - t) / kStride;
          if (column < t || (column - t) % kStride != 0 || p >= kPixels) continue;
          add_tap(acc[p], ordered, weights + t * 4 * width, width);
        }
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < kPixels; ++p) store_part(acc[p], sums + p * kByteBlock);
  }
};

// Any filter.
struct OnePixel {
  static constexpr int kPixels = 1;
  static void run(const ByteDepthwiseCall& call, const DepthwiseBlock& block, int64_t x, int part, int32_t* sums) {
    int32x4_t acc[4];
    load_start(block.start + part * kPartChannels, acc);
    const int8_t* weights = block.weights + part * 16;
    const uint8x16_t flip = vdupq_n_u8(call.flip ^ 0x80);
    for (int64_t quad = 0; quad < quads_of(call); ++quad) {
      for (int64_t t = 0; t < call.kw; ++t, weights += 4 * block.width) {
        uint8_t copy[4 * kPartChannels];
        DepthwiseWindow window = window_at(call, quad, call.left + x * call.stride + t * call.dilation, 1,
                                           block.channel + part * kPartChannels, copy);
        int8x16_t ordered[4];
        order_column(window, flip, ordered);
        add_tap(acc, ordered, weights, block.width);
      }
    }
    store_part(acc, sums);
  }
};

template <typename Way>
void depthwise_blocks(const ByteDepthwiseCall& call) {
  const ByteStore store = call.epilogue->bytes->store;
  const int64_t element = store == ByteStore::kI8 || store == ByteStore::kU8 ? 1 : 4;
  TileCall finish{};
  finish.c_stride = call.dst_pixel_stride;
  finish.epilogue = call.epilogue;
  for (int64_t channel = call.channel_begin; channel < call.channel_end; channel += kByteBlock) {
    const DepthwiseBlock block = block_at(call, channel);
    finish.cols = block.cols;
    finish.col = channel;
    for (int64_t x = 0; x < call.pixels; x += Way::kPixels) {
      int32_t sums[Way::kPixels * kByteBlock];
      for (int part = 0; part * kPartChannels < block.cols; ++part)
        Way::run(call, block, x, part, sums + part * kPartChannels);
      finish.c = call.dst + (x * call.dst_pixel_stride + channel) * element;
      finish.row = call.row + x;
      finish_sums(sums, kByteBlock, static_cast<int>(call.pixels - x < Way::kPixels ? call.pixels - x : Way::kPixels),
                  finish);
    }
  }
}

void depthwise_dotprod_row(const ByteDepthwiseCall& call) {
  const bool dense = call.dilation == 1;
  if (dense && call.kw == 3 && call.stride == 1) return depthwise_blocks<Sliding<3, 1>>(call);
  if (dense && call.kw == 3 && call.stride == 2) return depthwise_blocks<Sliding<3, 2>>(call);
  if (dense && call.kw == 5 && call.stride == 1) return depthwise_blocks<Sliding<5, 1>>(call);
  if (dense && call.kw == 5 && call.stride == 2) return depthwise_blocks<Sliding<5, 2>>(call);
  depthwise_blocks<OnePixel>(call);
}

}  // namespace
}  // namespace sinter::cpu
