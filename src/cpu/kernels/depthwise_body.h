// One output row of a depthwise convolution, channels last (contract: kernel_table.h). Included after a simd_*.h.
//
// A tile is kPixels x kVecs vectors of channels, summed in registers over the taps. For the usual filters (3 and 5 taps
// wide, stride 1 and 2) each source vector is loaded once for all the pixels and taps that it meets: loads would bound
// the loop otherwise. Other filters use a general tile: pixels whose taps are all inside the row with common tap
// bounds, the few at the borders one by one with their own.
#pragma once

#include "cpu/kernels/tile_body.h"

namespace sinter::cpu {
namespace {

struct TapRange {
  int64_t begin, end;
};

// The horizontal taps of pixel x that lie inside the source row.
inline TapRange valid_taps(const DepthwiseCall& call, int64_t x) {
  const int64_t at = call.left + x * call.stride;
  TapRange taps{0, call.kw};
  if (at < 0) taps.begin = (-at + call.dilation - 1) / call.dilation;
  const int64_t room = call.width - at;
  const int64_t inside = room <= 0 ? 0 : (room + call.dilation - 1) / call.dilation;
  if (inside < taps.end) taps.end = inside;
  if (taps.begin > taps.end) taps.begin = taps.end;
  return taps;
}

template <int kPixels, int kVecs>
void depthwise_tile(const DepthwiseCall& call, int64_t x, int64_t channel, int cols, TapRange taps) {
  Vec acc[kPixels][kVecs];
  LaneMask mask[kVecs];
  const float* bias = call.epilogue->bias;
#pragma GCC unroll 4
  for (int j = 0; j < kVecs; ++j) {
    mask[j] = first_lanes(cols - j * kLanes);
    const Vec start = bias != nullptr ? load(bias + call.col + channel + j * kLanes, mask[j]) : splat(0.0f);
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) acc[p][j] = start;
  }
  const int64_t first = (call.left + x * call.stride) * call.src_pixel_stride + channel;
  const int64_t pixel_step = call.stride * call.src_pixel_stride, tap_step = call.dilation * call.src_pixel_stride;
  for (int64_t i = 0; i < call.kh; ++i) {
    const float* row = call.src_rows[i];
    if (row == nullptr) continue;
    const float* w = call.weights + (i * call.kw + taps.begin) * call.weight_stride + channel;
    const float* src = row + first + taps.begin * tap_step;
    for (int64_t t = taps.begin; t < taps.end; ++t, w += call.weight_stride, src += tap_step) {
      Vec wv[kVecs];
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) wv[j] = load(w + j * kLanes);
#pragma GCC unroll 8
      for (int p = 0; p < kPixels; ++p) {
#pragma GCC unroll 4
        for (int j = 0; j < kVecs; ++j) {
          acc[p][j] = fma(wv[j], load(src + p * pixel_step + j * kLanes, mask[j]), acc[p][j]);
        }
      }
    }
  }
  finish_tile(acc, mask, call.dst + x * call.dst_pixel_stride + channel, call.dst_pixel_stride, kPixels,
              cols, *call.epilogue, call.row + x, call.col + channel);
}

constexpr int kDepthwisePixels = kLanes == 16 ? 7 : 4;  // 7 x 2 sums fit 32 registers, 4 x 2 fit 16
constexpr int kDepthwiseVecs = 2;

template <int kVecs, int kPixels>
void depthwise_pixels(const DepthwiseCall& call, int64_t x, int64_t count, int64_t channel, int cols, TapRange taps) {
  if constexpr (kPixels > 0) {
    if (count == kPixels) depthwise_tile<kPixels, kVecs>(call, x, channel, cols, taps);
    else depthwise_pixels<kVecs, kPixels - 1>(call, x, count, channel, cols, taps);
  }
}

void general_depthwise_row(const DepthwiseCall& call) {
  // [inner_begin, inner_end): pixels with every tap inside.
  const int64_t span = (call.kw - 1) * call.dilation;
  int64_t inner_begin = call.left >= 0 ? 0 : (-call.left + call.stride - 1) / call.stride;
  const int64_t last = call.width - 1 - span - call.left;
  int64_t inner_end = last < 0 ? 0 : last / call.stride + 1;
  if (inner_end > call.pixels) inner_end = call.pixels;
  if (inner_begin > inner_end) inner_begin = inner_end;
  const TapRange all{0, call.kw};
  for (int64_t x = 0; x < call.pixels;) {
    const bool inner = x >= inner_begin && x < inner_end;
    const int64_t left = inner_end - x;
    // Tiles of equal height: 9 pixels are 5 + 4 rather than 7 + 2.
    const int64_t tiles = (left + kDepthwisePixels - 1) / kDepthwisePixels;
    const int64_t count = inner ? (left + tiles - 1) / tiles : 1;
    const TapRange taps = inner ? all : valid_taps(call, x);
    for (int64_t channel = 0; channel < call.channels;) {
      const int64_t rest = call.channels - channel;
      if (rest > kLanes) {
        const int cols = static_cast<int>(rest < kDepthwiseVecs * kLanes ? rest : kDepthwiseVecs * kLanes);
        depthwise_pixels<kDepthwiseVecs, kDepthwisePixels>(call, x, count, channel, cols, taps);
        channel += cols;
      } else {
        depthwise_pixels<1, kDepthwisePixels>(call, x, count, channel, static_cast<int>(rest), taps);
        channel += rest;
      }
    }
    x += count;
  }
}

// Zeros that stand for the columns of the padding.
alignas(64) constexpr float kZeroColumns[2 * kLanes] = {};

struct SlidingTile {
  int64_t x;        // first pixel
  int pixels;       // to store, at most kPixels
  int64_t channel;
  int cols;         // channels of the tile
};

// kBorder: some column of the tile may lie outside the row.
template <int kTaps, int kStride, int kPixels, int kVecs, bool kBorder>
void sliding_tile(const DepthwiseCall& call, const SlidingTile& tile) {
  constexpr int kColumns = (kPixels - 1) * kStride + kTaps;
  Vec acc[kPixels][kVecs];
  LaneMask mask[kVecs];
  const float* bias = call.epilogue->bias;
#pragma GCC unroll 4
  for (int j = 0; j < kVecs; ++j) {
    mask[j] = first_lanes(tile.cols - j * kLanes);
    const Vec start = bias != nullptr ? load(bias + call.col + tile.channel + j * kLanes, mask[j]) : splat(0.0f);
#pragma GCC unroll 8
    for (int p = 0; p < kPixels; ++p) acc[p][j] = start;
  }
  const int64_t first = call.left + tile.x * kStride, step = call.src_pixel_stride;
  for (int64_t i = 0; i < call.kh; ++i) {
    if (call.src_rows[i] == nullptr) continue;
    const float* src = call.src_rows[i] + first * step + tile.channel;
    const float* weights = call.weights + i * kTaps * call.weight_stride + tile.channel;
    Vec w[kTaps][kVecs];
#pragma GCC unroll 8
    for (int t = 0; t < kTaps; ++t) {
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) w[t][j] = load(weights + t * call.weight_stride + j * kLanes);
    }
#pragma GCC unroll 32
    for (int column = 0; column < kColumns; ++column) {
      const bool outside = kBorder && static_cast<uint64_t>(first + column) >= static_cast<uint64_t>(call.width);
      const float* from = outside ? kZeroColumns : src + column * step;
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) {
        const Vec v = load(from + j * kLanes, mask[j]);
#pragma GCC unroll 8
        for (int t = 0; t < kTaps; ++t) {
          const int p = (column - t) / kStride;
          if (column < t || (column - t) % kStride != 0 || p >= kPixels) continue;
          acc[p][j] = fma(w[t][j], v, acc[p][j]);
        }
      }
    }
  }
  finish_tile(acc, mask, call.dst + tile.x * call.dst_pixel_stride + tile.channel, call.dst_pixel_stride, tile.pixels,
              tile.cols, *call.epilogue, call.row + tile.x, call.col + tile.channel);
}

template <int kTaps, int kStride, int kPixels, bool kBorder>
void sliding_channels(const DepthwiseCall& call, SlidingTile tile) {
  for (tile.channel = 0; tile.channel < call.channels; tile.channel += tile.cols) {
    const int64_t rest = call.channels - tile.channel;
    tile.cols = static_cast<int>(rest < 2 * kLanes ? rest : 2 * kLanes);
    if (rest > kLanes) sliding_tile<kTaps, kStride, kPixels, 2, kBorder>(call, tile);
    else sliding_tile<kTaps, kStride, kPixels, 1, kBorder>(call, tile);
  }
}

constexpr int kSlidingPixels = kDepthwisePixels;

template <int kTaps, int kStride>
void sliding_row(const DepthwiseCall& call) {
  SlidingTile tile{};
  for (tile.x = 0; tile.x < call.pixels; tile.x += kSlidingPixels) {
    const int64_t rest = call.pixels - tile.x;
    tile.pixels = static_cast<int>(rest < kSlidingPixels ? rest : kSlidingPixels);
    const int64_t first = call.left + tile.x * kStride;
    const bool inside = first >= 0 && first + (kSlidingPixels - 1) * kStride + kTaps <= call.width;
    if (inside) sliding_channels<kTaps, kStride, kSlidingPixels, false>(call, tile);
    else sliding_channels<kTaps, kStride, kSlidingPixels, true>(call, tile);
  }
}

void depthwise_row(const DepthwiseCall& call) {
  if (call.dilation == 1 && call.kw == 3 && call.stride == 1) return sliding_row<3, 1>(call);
  if (call.dilation == 1 && call.kw == 3 && call.stride == 2) return sliding_row<3, 2>(call);
  if (call.dilation == 1 && call.kw == 5 && call.stride == 1) return sliding_row<5, 1>(call);
  if (call.dilation == 1 && call.kw == 5 && call.stride == 2) return sliding_row<5, 2>(call);
  general_depthwise_row(call);
}

}  // namespace
}  // namespace sinter::cpu
