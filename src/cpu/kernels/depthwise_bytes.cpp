#include "cpu/kernels/depthwise_bytes.h"

#include <algorithm>
#include <cstring>

namespace sinter::cpu {
namespace {

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t padded_channels(const ConvShape& s) { return round_up(s.channels, kByteBlock); }
int64_t quads(const ConvShape& s) { return (s.kh + 3) / 4; }
int64_t plain_bytes(const ConvShape& s) { return s.kh * s.kw * padded_channels(s); }

// Values in the order of the blocks' vectors.
template <typename T>
void reorder(const T* from, int64_t channels, T* to) {
  for (int64_t block = 0; block < channels; block += kByteBlock) {
    const int64_t width = byte_block_width(channels, block);
    for (int64_t c = 0; c < width; ++c) to[block + byte_block_place(width, c)] = block + c < channels ? from[block + c] : T{0};
  }
}

}  // namespace

bool depthwise_bytes_supports(const ConvShape& shape) {
  return shape.groups == shape.channels && shape.out_channels == shape.channels && quads(shape) * 4 <= kMaxByteDepthwiseRows;
}

int64_t depthwise_bytes_packed_bytes(const ConvShape& shape) {
  return plain_bytes(shape) + quads(shape) * 4 * shape.kw * padded_channels(shape);
}

void depthwise_bytes_pack(const ConvShape& s, const int8_t* weights, int8_t* packed, int32_t* sums) {
  std::memset(packed, 0, static_cast<size_t>(depthwise_bytes_packed_bytes(s)));
  int8_t* blocks = packed + plain_bytes(s);
  const int64_t padded = padded_channels(s);
  for (int64_t c = 0; c < s.channels; ++c) {
    const int64_t block = c / kByteBlock * kByteBlock, width = byte_block_width(s.channels, block);
    int32_t sum = 0;
    for (int64_t ky = 0; ky < s.kh; ++ky) {
      for (int64_t kx = 0; kx < s.kw; ++kx) {
        const int8_t w = weights[(c * s.kh + ky) * s.kw + kx];
        packed[(ky * s.kw + kx) * padded + c] = w;
        const int64_t vectors = quads(s) * s.kw * 4 * block + (ky / 4 * s.kw + kx) * 4 * width;
        blocks[vectors + byte_block_place(width, c - block) * 4 + ky % 4] = w;
        sum += w;
      }
    }
    sums[c] = sum;
  }
}

// The padding's bytes, then start, folded_scale and folded_bias in the vectors' order.
int64_t depthwise_bytes_workspace_bytes(const ConvShape& shape) { return kByteBlock + 3 * padded_channels(shape) * 4; }

void depthwise_bytes(const KernelTable& table, const ConvShape& shape, const ByteSource& source, const int8_t* packed, void* dst,
                     const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  const int64_t padded = padded_channels(shape), blocks = padded / kByteBlock, lines = shape.batch * shape.oh;
  auto* padding = static_cast<uint8_t*>(workspace);
  const uint8_t flip = source.is_signed ? 0x80 : 0;
  std::memset(padding, source.zero ^ flip, kByteBlock);
  auto* start = reinterpret_cast<int32_t*>(padding + kByteBlock);
  auto* scale = reinterpret_cast<float*>(start + padded);
  float* bias = scale + padded;
  reorder(epilogue.bytes->start, shape.channels, start);
  reorder(epilogue.bytes->folded_scale, shape.channels, scale);
  reorder(epilogue.bytes->folded_bias, shape.channels, bias);
  const GridSplit grid = split_grid(team.size(), lines, blocks);
  const int64_t row_bytes = shape.w * shape.src_pixel_stride, dst_bytes = byte_store_bytes(epilogue.bytes->store);
  team.run(grid.m_parts * grid.n_parts, [&](int part) {
    const int64_t i = part % grid.m_parts, j = part / grid.m_parts;
    ByteDepthwiseCall call{};
    call.padding = padding;
    call.flip = flip;
    call.kh = shape.kh;
    call.kw = shape.kw;
    call.stride = shape.stride_w;
    call.dilation = shape.dilation_w;
    call.left = -shape.pad_left;
    call.width = shape.w;
    call.plain_weights = packed;
    call.weights = packed + plain_bytes(shape);
    call.start = start;
    call.folded_scale = scale;
    call.folded_bias = bias;
    call.channels = shape.channels;
    call.channel_begin = blocks * j / grid.n_parts * kByteBlock;
    call.channel_end = std::min(blocks * (j + 1) / grid.n_parts * kByteBlock, shape.channels);
    call.dst_pixel_stride = shape.dst_pixel_stride;
    call.pixels = shape.ow;
    call.epilogue = &epilogue;
    for (int64_t line = lines * i / grid.m_parts; line < lines * (i + 1) / grid.m_parts; ++line) {
      const int64_t n = line / shape.oh, top = line % shape.oh * shape.stride_h - shape.pad_top;
      for (int64_t ky = 0; ky < quads(shape) * 4; ++ky) {
        const int64_t y = top + ky * shape.dilation_h;
        const bool inside = ky < shape.kh && y >= 0 && y < shape.h;
        call.rows[ky] = inside ? static_cast<const uint8_t*>(source.data) + (n * shape.h + y) * row_bytes : padding;
        call.row_steps[ky] = inside ? shape.src_pixel_stride : 0;
      }
      call.row = line * shape.ow;
      call.dst = static_cast<uint8_t*>(dst) + call.row * shape.dst_pixel_stride * dst_bytes;
      table.depthwise_bytes_row(call);
    }
  });
}

}  // namespace sinter::cpu
