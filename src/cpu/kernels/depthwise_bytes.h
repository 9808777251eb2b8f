// Depthwise convolution of 8-bit values, activations channels last, one filter a channel.
//
// Four vertical taps of a channel lie side by side in the weights, and the kernels bring four source rows into the same order once a
// column: each then serves all outputs that the column's taps reach. Channels go in blocks of 64, the last ones in a block of 16, 32 or 64.
// In a block, vector q of four holds the channels 16 l + 4 q .. 16 l + 4 q + 3 of its 128-bit parts l, which packing puts back in order.
#pragma once

#include <cstdint>

#include "cpu/kernels/conv_bytes.h"

namespace sinter::cpu {

inline constexpr int64_t kByteBlock = 64;

// Channels of the block that begins at `channel`, what it is filled up with included.
constexpr int64_t byte_block_width(int64_t channels, int64_t channel) {
  const int64_t rest = channels - channel;
  return rest > 32 ? 64 : rest > 16 ? 32 : 16;
}
// Place in a block of its channel c, by vectors.
constexpr int64_t byte_block_place(int64_t width, int64_t c) { return c / 4 % 4 * (width / 4) + c / 16 * 4 + c % 4; }

bool depthwise_bytes_supports(const ConvShape& shape);
// `weights` is [channels][1][kh][kw]; sums[c] becomes the sum of filter c.
int64_t depthwise_bytes_packed_bytes(const ConvShape& shape);
void depthwise_bytes_pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* sums);

int64_t depthwise_bytes_workspace_bytes(const ConvShape& shape);
// Epilogue::bytes has no weight_zero.
void depthwise_bytes(const KernelTable& table, const ConvShape& shape, const ByteSource& source, const int8_t* packed, void* dst,
                     const Epilogue& epilogue, ThreadTeam& team, void* workspace);

}  // namespace sinter::cpu
