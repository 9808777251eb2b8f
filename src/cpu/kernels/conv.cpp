#include "cpu/kernels/conv.h"

#include <algorithm>
#include <cstring>

namespace sinter::cpu {
namespace {

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

int64_t group_packed_floats(const ConvShape& shape) {
  return panel_count(shape.out_channels / shape.groups) * kPanel * shape.kh * shape.kw *
         (shape.channels / shape.groups);
}

struct ConvRows {
  const ConvShape* shape;
  const char* src;      // channel 0 of the group
  const void* padding;
  int64_t pixel_bytes;
  bool may_join;        // horizontal taps lie one after the other in memory, and k is not blocked
};

// Each output pixel reads one source pixel, in the same order.
bool is_pointwise(const ConvShape& s) {
  return s.kh == 1 && s.kw == 1 && s.stride_h == 1 && s.stride_w == 1 && s.pad_top == 0 && s.pad_left == 0 &&
         s.oh == s.h && s.ow == s.w;
}

int fill_pointwise_rows(const void* ctx, int64_t row, int count, const void** out) {
  const ConvRows& rows = *static_cast<const ConvRows*>(ctx);
  for (int r = 0; r < count; ++r) out[r] = rows.src + (row + r) * rows.pixel_bytes;
  return 1;
}

// Output pixels side by side: the source's place under the first one's first tap.
struct PixelRun {
  const char* image;
  int64_t top, left;
  int count;
};

// Cuts `count` output pixels from `row` on into runs; true when all of their taps are inside the source.
bool list_runs(const ConvRows& rows, int64_t row, int count, PixelRun* runs, int& run_count) {
  const ConvShape& s = *rows.shape;
  const int64_t below = s.h - (s.kh - 1) * s.dilation_h, beyond = s.w - (s.kw - 1) * s.dilation_w;
  int64_t ox = row % s.ow, oy = row / s.ow % s.oh, n = row / s.ow / s.oh;
  bool all_inside = true;
  run_count = 0;
  for (int r = 0; r < count; ox = 0) {
    const int run = static_cast<int>(std::min<int64_t>(count - r, s.ow - ox));
    const int64_t top = oy * s.stride_h - s.pad_top, left = ox * s.stride_w - s.pad_left;
    all_inside = all_inside && top >= 0 && top < below && left >= 0 && left + (run - 1) * s.stride_w < beyond;
    runs[run_count++] = {rows.src + n * s.h * s.w * rows.pixel_bytes, top, left, run};
    r += run;
    if (++oy == s.oh) oy = 0, ++n;
  }
  return all_inside;
}

// The addresses under one tap, `y` and `x` for the run's first pixel; outside the source, padding.
void fill_tap(const ConvRows& rows, const PixelRun& run, int64_t y, int64_t x, const void** to) {
  const ConvShape& s = *rows.shape;
  const int64_t stride = s.stride_w, count = run.count;
  int64_t begin = 0, end = count;
  if (x < 0) begin = std::min(count, stride == 1 ? -x : (stride - 1 - x) / stride);
  if (x + (count - 1) * stride >= s.w) end = x >= s.w ? 0 : (s.w - 1 - x) / stride + 1;
  if (y < 0 || y >= s.h || begin >= end) begin = end = count;
  for (int64_t i = 0; i < begin; ++i) to[i] = rows.padding;
  if (begin < end) {
    const char* first = run.image + (y * s.w + x + begin * stride) * rows.pixel_bytes;
    const int64_t step = stride * rows.pixel_bytes;
    for (int64_t i = 0; i < end - begin; ++i) to[begin + i] = first + i * step;
  }
  for (int64_t i = end; i < count; ++i) to[i] = rows.padding;
}

int fill_conv_rows(const void* ctx, int64_t row, int count, const void** out) {
  const ConvRows& rows = *static_cast<const ConvRows*>(ctx);
  const ConvShape& s = *rows.shape;
  PixelRun runs[kMaxTileRows];
  int run_count = 0;
  const bool joins = list_runs(rows, row, count, runs, run_count) && rows.may_join;
  for (int64_t ky = 0; ky < s.kh; ++ky) {
    for (int64_t kx = 0; kx < (joins ? 1 : s.kw); ++kx) {
      for (int i = 0; i < run_count; out += runs[i++].count) fill_tap(rows, runs[i], runs[i].top + ky * s.dilation_h, runs[i].left + kx * s.dilation_w, out);
    }
  }
  return joins ? static_cast<int>(s.kw) : 1;
}

// True where some tap of some output pixel is outside the source.
bool has_padding(const ConvShape& s) {
  return s.pad_top > 0 || s.pad_left > 0 || (s.oh - 1) * s.stride_h - s.pad_top + (s.kh - 1) * s.dilation_h >= s.h ||
         (s.ow - 1) * s.stride_w - s.pad_left + (s.kw - 1) * s.dilation_w >= s.w;
}

int64_t zeros_bytes(const ConvShape& shape) { return round_up(shape.channels / shape.groups * sizeof(float), 64); }

}  // namespace

int64_t conv_packed_floats(const ConvShape& shape) { return shape.groups * group_packed_floats(shape); }

void conv_pack_weights(const ConvShape& shape, const float* weights, float* packed) {
  const int64_t in = shape.channels / shape.groups, out = shape.out_channels / shape.groups;
  const int64_t taps = shape.kh * shape.kw;
  for (int64_t g = 0; g < shape.groups; ++g) {
    for (int64_t panel = 0; panel < panel_count(out); ++panel) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        for (int64_t c = 0; c < in; ++c) {
          for (int64_t j = 0; j < kPanel; ++j, ++packed) {
            const int64_t o = panel * kPanel + j;
            *packed = o < out ? weights[((g * out + o) * in + c) * taps + tap] : 0.0f;
          }
        }
      }
    }
  }
}

GemmBlocking conv_blocking(const KernelTable& table, const ConvShape& shape) {
  return choose_blocking(table, shape.batch * shape.oh * shape.ow, shape.out_channels / shape.groups,
                         shape.channels / shape.groups, shape.kh * shape.kw);
}

int64_t conv_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads) {
  return zeros_bytes(shape) + threads * gemm_scratch_bytes(blocking, shape.kh * shape.kw);
}

void conv(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const float* src,
          const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  std::memset(workspace, 0, zeros_bytes(shape));
  ConvOperands operands;
  operands.src = src;
  operands.padding = workspace;
  operands.packed = packed;
  operands.group_units = group_packed_floats(shape);
  operands.dst = dst;
  conv_on_team(table, operands, shape, blocking, epilogue, team, static_cast<char*>(workspace) + zeros_bytes(shape));
}

void conv_on_team(const TileSet& set, const ConvOperands& operands, const ConvShape& shape, const GemmBlocking& blocking,
                  const Epilogue& epilogue, ThreadTeam& team, void* scratch_memory) {
  const int64_t in = shape.channels / shape.groups, out = shape.out_channels / shape.groups;
  char* scratch = static_cast<char*>(scratch_memory);
  const char* src = static_cast<const char*>(operands.src);
  const int64_t in_bytes = in * operands.src_bytes, pixel_bytes = shape.src_pixel_stride * operands.src_bytes;
  const int64_t units = (in_bytes + kUnitBytes - 1) / kUnitBytes;
  const int tail = static_cast<int>(in_bytes % kUnitBytes);
  const bool may_join = shape.kw > 1 && shape.dilation_w == 1 && pixel_bytes == in_bytes && tail == 0 && blocking.k_block >= units;
  const auto group_args = [&](int64_t g, const ConvRows& rows) {
    GemmArgs args;
    args.m = shape.batch * shape.oh * shape.ow;
    args.n = out;
    args.k = units;
    args.tail = tail;
    args.a_signed = operands.src_signed;
    args.segments = shape.kh * shape.kw;
    args.terms = operands.terms;
    args.a_low = operands.src_low;
    args.fill = is_pointwise(shape) ? &fill_pointwise_rows : &fill_conv_rows;
    args.fill_ctx = &rows;
    args.zeros = operands.padding_is_zero && has_padding(shape) ? operands.padding : nullptr;
    args.b = static_cast<const char*>(operands.packed) + g * operands.group_units * kUnitBytes;
    args.c = operands.dst;
    args.c_bytes = operands.dst_bytes;
    args.c_stride = shape.dst_pixel_stride;
    args.col_begin = g * out;
    args.epilogue = &epilogue;
    return args;
  };
  if (shape.groups == 1 || operands.only_group >= 0) {
    const int64_t g = shape.groups == 1 ? 0 : operands.only_group;
    const ConvRows rows{&shape, src + g * in_bytes, operands.padding, pixel_bytes, may_join};
    gemm_on_team(set, group_args(g, rows), blocking, team, scratch);
    return;
  }
  // Groups first; what threads remain for each group split its rows.
  const int64_t m = shape.batch * shape.oh * shape.ow, panels = panel_count(out);
  const int64_t tiles = (m + blocking.rows - 1) / blocking.rows;
  const GridSplit grid = split_grid(team.size(), tiles, shape.groups);
  const int64_t scratch_bytes = gemm_scratch_bytes(blocking, shape.kh * shape.kw, operands.terms);
  team.run(grid.m_parts * grid.n_parts, [&](int part) {
    const int64_t i = part % grid.m_parts, j = part / grid.m_parts;
    const int64_t row_begin = tiles * i / grid.m_parts * blocking.rows;
    const int64_t row_end = std::min(tiles * (i + 1) / grid.m_parts * blocking.rows, m);
    for (int64_t g = shape.groups * j / grid.n_parts; g < shape.groups * (j + 1) / grid.n_parts; ++g) {
      const ConvRows rows{&shape, src + g * in_bytes, operands.padding, pixel_bytes, may_join};
      gemm_block(set, group_args(g, rows), blocking, row_begin, row_end, 0, panels, scratch + part * scratch_bytes);
    }
  });
}

}  // namespace sinter::cpu
