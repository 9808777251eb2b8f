// One output row of a depthwise convolution, channels last (contract: kernel_table.h). Included after a simd_*.h.
//
// A tile is kPixels x kVecs vectors of channels, summed in registers over the taps. Pixels whose taps are all inside the
// row use the tile with common tap bounds; the few at the borders go one by one with their own.
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
  finish_tile(acc, mask, call.dst + x * call.dst_pixel_stride + channel, call.dst_pixel_stride, cols, *call.epilogue,
              call.row + x, call.col + channel);
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

void depthwise_row(const DepthwiseCall& call) {
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

}  // namespace
}  // namespace sinter::cpu
