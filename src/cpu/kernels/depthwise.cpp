#include "cpu/kernels/depthwise.h"

#include <algorithm>

namespace sinter::cpu {
namespace {

int64_t padded_channels(const ConvShape& shape) { return panel_count(shape.channels) * kPanel; }

}  // namespace

bool depthwise_supports(const ConvShape& shape) {
  return shape.groups == shape.channels && shape.out_channels == shape.channels && shape.kh <= kMaxDepthwiseKernelRows;
}

int64_t depthwise_packed_floats(const ConvShape& shape) { return shape.kh * shape.kw * padded_channels(shape); }

void depthwise_pack_weights(const ConvShape& shape, const float* weights, float* packed) {
  const int64_t taps = shape.kh * shape.kw, padded = padded_channels(shape);
  for (int64_t tap = 0; tap < taps; ++tap) {
    for (int64_t c = 0; c < padded; ++c) packed[tap * padded + c] = c < shape.channels ? weights[c * taps + tap] : 0.0f;
  }
}

void depthwise(const KernelTable& table, const ConvShape& shape, const float* src, const float* packed, float* dst,
               const Epilogue& epilogue, ThreadTeam& team) {
  // Threads split the output rows, and where these are few also the channels.
  const int64_t lines = shape.batch * shape.oh, panels = panel_count(shape.channels);
  const GridSplit grid = split_grid(team.size(), lines, panels);
  const int64_t row_floats = shape.w * shape.src_pixel_stride;
  team.run(grid.m_parts * grid.n_parts, [&](int part) {
    const int64_t i = part % grid.m_parts, j = part / grid.m_parts;
    const int64_t channel = panels * j / grid.n_parts * kPanel;
    DepthwiseCall call{};
    const float* rows[kMaxDepthwiseKernelRows];
    call.src_rows = rows;
    call.kh = shape.kh;
    call.kw = shape.kw;
    call.stride = shape.stride_w;
    call.dilation = shape.dilation_w;
    call.left = -shape.pad_left;
    call.width = shape.w;
    call.src_pixel_stride = shape.src_pixel_stride;
    call.weights = packed + channel;
    call.weight_stride = padded_channels(shape);
    call.channels = std::min(panels * (j + 1) / grid.n_parts * kPanel, shape.channels) - channel;
    call.dst_pixel_stride = shape.dst_pixel_stride;
    call.pixels = shape.ow;
    call.epilogue = &epilogue;
    call.col = channel;
    for (int64_t line = lines * i / grid.m_parts; line < lines * (i + 1) / grid.m_parts; ++line) {
      const int64_t n = line / shape.oh, top = line % shape.oh * shape.stride_h - shape.pad_top;
      for (int64_t ky = 0; ky < shape.kh; ++ky) {
        const int64_t y = top + ky * shape.dilation_h;
        rows[ky] = y >= 0 && y < shape.h ? src + (n * shape.h + y) * row_floats + channel : nullptr;
      }
      call.row = line * shape.ow;
      call.dst = dst + call.row * shape.dst_pixel_stride + channel;
      table.depthwise_row(call);
    }
  });
}

}  // namespace sinter::cpu
