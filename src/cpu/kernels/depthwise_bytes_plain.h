// Depthwise rows of 8-bit values in plain loops, for machines without VNNI (contract: kernel_table.h). Included after byte_tile_body.h.
#pragma once

#include "cpu/kernels/byte_tile_body.h"

namespace sinter::cpu {
namespace {

// Sums of channels [channel, channel + cols) of output column x.
inline void depthwise_sums(const ByteDepthwiseCall& call, int64_t x, int64_t channel, int cols, int32_t* sums) {
  const int64_t padded = (call.channels + 63) / 64 * 64;
  std::memcpy(sums, call.epilogue->bytes->start + channel, static_cast<size_t>(cols) * 4);
  for (int64_t ky = 0; ky < call.kh; ++ky) {
    for (int64_t kx = 0; kx < call.kw; ++kx) {
      const int64_t at = call.left + x * call.stride + kx * call.dilation;
      const bool inside = call.row_steps[ky] != 0 && at >= 0 && at < call.width;
      const uint8_t* from = inside ? call.rows[ky] + at * call.row_steps[ky] + channel : call.padding;
      const int8_t* w = call.plain_weights + (ky * call.kw + kx) * padded + channel;
      for (int c = 0; c < cols; ++c) {
        const int32_t product = static_cast<uint8_t>(from[c] ^ call.flip) * w[c];
        sums[c] = static_cast<int32_t>(static_cast<uint32_t>(sums[c]) + static_cast<uint32_t>(product));
      }
    }
  }
}

void depthwise_bytes_row(const ByteDepthwiseCall& call) {
  const ByteStore store = call.epilogue->bytes->store;
  const int64_t element = store == ByteStore::kI8 || store == ByteStore::kU8 ? 1 : 4;
  TileCall finish{};
  finish.c_stride = call.dst_pixel_stride;
  finish.epilogue = call.epilogue;
  for (int64_t x = 0; x < call.pixels; ++x) {
    for (int64_t channel = call.channel_begin; channel < call.channel_end; channel += 64) {
      int32_t sums[64];
      finish.cols = static_cast<int>(call.channel_end - channel < 64 ? call.channel_end - channel : 64);
      depthwise_sums(call, x, channel, finish.cols, sums);
      finish.c = call.dst + (x * call.dst_pixel_stride + channel) * element;
      finish.row = call.row + x;
      finish.col = channel;
      finish_sums(sums, 64, 1, finish);
    }
  }
}

}  // namespace
}  // namespace sinter::cpu
