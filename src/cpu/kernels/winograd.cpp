#include "cpu/kernels/winograd.h"

#include <algorithm>
#include <cstring>

namespace sinter::cpu {
namespace {

constexpr int kMaxPoints = 36;
// Beyond these sizes data is fetched from the third-level cache (with a second level of 2 MiB, where this was tuned).
constexpr int64_t kBlockBytes = 1280 << 10, kWeightBytes = 768 << 10;
constexpr double kBytesPerCycle = 5;  // of the third-level cache, one core

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }
int64_t quotient(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }
int64_t points_of(WinogradForm form) { return (winograd_outputs(form) + 2) * (winograd_outputs(form) + 2); }

// Floats from one point's plane to the next: an odd number of lines, so that the planes of a tile spread over all cache sets.
int64_t plane_floats(int64_t rows, int64_t columns) { return (rows * columns / kPanel | 1) * kPanel; }

// Tiles of the whole problem, in the order (image, phase y, phase x, tile y, tile x): a dilated convolution is one of each phase's
// pixels. Where the phases' sizes differ the last tiles of some are empty.
struct Tiling {
  int64_t phases_y, phases_x, tiles_y, tiles_x;
  int64_t count(const ConvShape& s) const { return s.batch * phases_y * phases_x * tiles_y * tiles_x; }
};

Tiling tiling_of(const ConvShape& s, WinogradForm form) {
  const int64_t outputs = winograd_outputs(form);
  Tiling t;
  t.phases_y = std::max<int64_t>(std::min(s.dilation_h, s.oh), 1);
  t.phases_x = std::max<int64_t>(std::min(s.dilation_w, s.ow), 1);
  t.tiles_y = quotient(quotient(s.oh, s.dilation_h), outputs);
  t.tiles_x = quotient(quotient(s.ow, s.dilation_w), outputs);
  return t;
}

struct TileAt {
  int64_t n, oy, ox;  // the tile's first output pixel
  int64_t rows, pixels;  // that exist of it
};

TileAt locate(const ConvShape& s, const Tiling& t, int64_t outputs, int64_t index) {
  const int64_t tx = index % t.tiles_x, ty = index / t.tiles_x % t.tiles_y;
  const int64_t phase = index / (t.tiles_x * t.tiles_y);
  TileAt at;
  at.ox = phase % t.phases_x + tx * outputs * s.dilation_w;
  at.oy = phase / t.phases_x % t.phases_y + ty * outputs * s.dilation_h;
  at.n = phase / (t.phases_x * t.phases_y);
  at.rows = std::clamp<int64_t>(quotient(s.oh - at.oy, s.dilation_h), 0, outputs);
  at.pixels = std::clamp<int64_t>(quotient(s.ow - at.ox, s.dilation_w), 0, outputs);
  return at;
}

// What all blocks of one launch share.
struct Job {
  const KernelTable& table;
  const ConvShape& shape;
  WinogradForm form;
  WinogradBlocking blocking;
  Tiling tiling;
  const float *src, *packed, *zeros;
  float* dst;
  const Epilogue* epilogue;
  int64_t points, row_floats;  // of a transformed tile's channels
};

void transform_inputs(const Job& job, int64_t first, int64_t count, float* values) {
  const ConvShape& s = job.shape;
  const int64_t outputs = winograd_outputs(job.form), size = outputs + 2;
  const float* pixels[kMaxPoints];
  WinogradInputCall call{pixels, s.channels, values, plane_floats(count, job.row_floats)};
  for (int64_t i = 0; i < count; ++i, call.dst += job.row_floats) {
    const TileAt at = locate(s, job.tiling, outputs, first + i);
    const float* image = job.src + at.n * s.h * s.w * s.src_pixel_stride;
    const float** to = pixels;
    for (int64_t ky = 0; ky < size; ++ky) {
      const int64_t y = at.oy - s.pad_top + ky * s.dilation_h;
      const float* line = image + y * s.w * s.src_pixel_stride;
      const bool inside = y >= 0 && y < s.h;
      for (int64_t kx = 0; kx < size; ++kx) {
        const int64_t x = at.ox - s.pad_left + kx * s.dilation_w;
        *to++ = inside && x >= 0 && x < s.w ? line + x * s.src_pixel_stride : job.zeros;
      }
    }
    job.table.winograd_input[static_cast<int>(job.form)](call);
  }
}

// products[point][tile][column] = values[point][tile] * weights, for `panels` panels from `panel` on.
void multiply(const Job& job, int64_t count, int64_t panel, int64_t panels, const float* values, float* products) {
  static constexpr Epilogue kNothing;
  const KernelTable& table = job.table;
  const int64_t k = job.shape.channels, columns = panels * kPanel;
  const int64_t value_plane = plane_floats(count, job.row_floats), product_plane = plane_floats(count, columns);
  const int64_t widest = std::min<int64_t>(table.max_panels < 2 ? 1 : 2, panels);
  const int64_t row_tiles = quotient(count, table.best_rows[widest - 1]);
  const void* rows[kMaxTileRows];
  const TileSegment segment{rows, 0};
  TileCall call{};
  call.segments = &segment;
  call.segment_count = 1;
  call.k = k;
  call.panel_stride = job.points * k * kPanel;
  call.c_stride = columns;
  call.epilogue = &kNothing;
  const int64_t panel_bytes = k * kPanel * static_cast<int64_t>(sizeof(float));
  for (int64_t point = 0; point < job.points; ++point) {
    for (int64_t p = 0; p < panels; p += widest) {
      const int64_t width = std::min(widest, panels - p);
      const float* b = job.packed + (panel + p) * call.panel_stride + point * k * kPanel;
      call.b = b;
      call.cols = static_cast<int>(width * kPanel);
      // Each tile fetches its share of the weights that follow in the same panels: the next point's.
      call.prefetch_step = std::min<int64_t>(4 * kPanel * sizeof(float) * width / row_tiles, 128);
      for (int64_t i = 0; i < row_tiles; ++i) {
        const int64_t begin = count * i / row_tiles, end = count * (i + 1) / row_tiles;
        const int64_t share = panel_bytes * width * i / row_tiles, next = share / panel_bytes;
        call.prefetch = reinterpret_cast<const char*>(b + k * kPanel + next * call.panel_stride) + share % panel_bytes;
        const float* from = values + point * value_plane + begin * job.row_floats;
        for (int64_t r = 0; r < end - begin; ++r) rows[r] = from + r * job.row_floats;
        call.c = products + point * product_plane + begin * columns + p * kPanel;
        table.tile[width - 1][end - begin - 1](call);
      }
    }
  }
}

void transform_outputs(const Job& job, int64_t first, int64_t count, int64_t panel, int64_t panels, const float* products) {
  const ConvShape& s = job.shape;
  const int64_t outputs = winograd_outputs(job.form), columns = panels * kPanel;
  WinogradOutputCall call{};
  call.src = products;
  call.plane_stride = plane_floats(count, columns);
  call.col = panel * kPanel;
  call.cols = static_cast<int>(std::min(columns, s.out_channels - call.col));
  call.dst_row_stride = s.dilation_h * s.ow * s.dst_pixel_stride;
  call.dst_pixel_stride = s.dilation_w * s.dst_pixel_stride;
  call.row_step = s.dilation_h * s.ow;
  call.pixel_step = s.dilation_w;
  call.epilogue = job.epilogue;
  for (int64_t i = 0; i < count; ++i, call.src += columns) {
    const TileAt at = locate(s, job.tiling, outputs, first + i);
    if (at.rows == 0 || at.pixels == 0) continue;
    call.rows = static_cast<int>(at.rows);
    call.pixels = static_cast<int>(at.pixels);
    call.row = (at.n * s.oh + at.oy) * s.ow + at.ox;
    call.dst = job.dst + call.row * s.dst_pixel_stride + call.col;
    job.table.winograd_output[static_cast<int>(job.form)](call);
  }
}

int64_t zeros_bytes(const ConvShape& s) { return round_up(s.channels * sizeof(float), 64); }

int64_t values_bytes(const ConvShape& s, WinogradForm form, int64_t tiles) {
  return points_of(form) * plane_floats(tiles, round_up(s.channels, kPanel)) * static_cast<int64_t>(sizeof(float));
}

int64_t products_bytes(WinogradForm form, int64_t tiles, int64_t panels) {
  return points_of(form) * plane_floats(tiles, panels * kPanel) * static_cast<int64_t>(sizeof(float));
}

int64_t part_bytes(const ConvShape& s, WinogradForm form, const WinogradBlocking& blocking) {
  return values_bytes(s, form, blocking.tiles) + products_bytes(form, blocking.tiles, blocking.panels);
}

// Estimated cycles of all products and of what they fetch from beyond the second-level cache.
double estimate(const KernelTable& table, const ConvShape& s, WinogradForm form, int64_t all_tiles, const WinogradBlocking& b) {
  const double blocks = static_cast<double>(quotient(all_tiles, b.tiles));
  const int64_t panels = panel_count(s.out_channels);
  const double groups = static_cast<double>(quotient(panels, b.panels));
  const int width = table.max_panels < 2 ? 1 : 2;
  const double row_tiles = static_cast<double>(quotient(b.tiles, table.best_rows[width - 1]));
  const double step = std::max(4.0, table.best_rows[width - 1] * width / 2.0);
  const double sums = blocks * row_tiles * step * static_cast<double>(points_of(form) * s.channels * quotient(panels, width));
  const auto values = static_cast<double>(values_bytes(s, form, b.tiles)), products = static_cast<double>(products_bytes(form, b.tiles, b.panels));
  const auto weights = static_cast<double>(winograd_packed_floats(s, form)) * sizeof(float);
  const bool near = values + products <= kBlockBytes;
  double bytes = weights <= kWeightBytes ? 0 : blocks * weights;
  if (!near) bytes += blocks * (values * (1 + groups) + 2 * products * groups);
  return sums + bytes / kBytesPerCycle;
}

}  // namespace

bool winograd_supports(const ConvShape& s) {
  return s.kh == 3 && s.kw == 3 && s.stride_h == 1 && s.stride_w == 1 && s.groups == 1;
}

int64_t winograd_packed_floats(const ConvShape& shape, WinogradForm form) {
  return panel_count(shape.out_channels) * points_of(form) * shape.channels * kPanel;
}

void winograd_pack_weights(const ConvShape& shape, WinogradForm form, const float* weights, float* packed) {
  // Rows of the filter's transform: its values at the points, over the product of the point's distances to the others.
  constexpr double a = kWinogradPointA, b = kWinogradPointB;
  constexpr double at_zero = a * a * b * b, at_a = 2 * a * a * (a * a - b * b), at_b = 2 * b * b * (b * b - a * a);
  static constexpr double kTwo[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
  static constexpr double kFour[6][3] = {{1 / at_zero, 0, 0},
                                         {1 / at_a, a / at_a, a * a / at_a},
                                         {1 / at_a, -a / at_a, a * a / at_a},
                                         {1 / at_b, b / at_b, b * b / at_b},
                                         {1 / at_b, -b / at_b, b * b / at_b},
                                         {0, 0, 1}};
  const double(*lines)[3] = form == WinogradForm::k2 ? kTwo : kFour;
  const int64_t size = winograd_outputs(form) + 2, plane = shape.channels * kPanel;
  std::memset(packed, 0, winograd_packed_floats(shape, form) * sizeof(float));
  for (int64_t o = 0; o < shape.out_channels; ++o) {
    for (int64_t c = 0; c < shape.channels; ++c) {
      const float* filter = weights + (o * shape.channels + c) * 9;
      float* to = packed + o / kPanel * size * size * plane + c * kPanel + o % kPanel;
      for (int64_t i = 0; i < size; ++i) {
        double line[3];
        for (int x = 0; x < 3; ++x) line[x] = lines[i][0] * filter[x] + lines[i][1] * filter[3 + x] + lines[i][2] * filter[6 + x];
        for (int64_t j = 0; j < size; ++j, to += plane) {
          *to = static_cast<float>(lines[j][0] * line[0] + lines[j][1] * line[1] + lines[j][2] * line[2]);
        }
      }
    }
  }
}

WinogradBlocking winograd_blocking(const KernelTable& table, const ConvShape& shape, WinogradForm form, int threads) {
  const int64_t tiles = std::max<int64_t>(quotient(tiling_of(shape, form).count(shape), threads), 1);
  const int64_t panels = std::max<int64_t>(panel_count(shape.out_channels), 1);
  WinogradBlocking best;
  double best_cycles = 0;
  for (int64_t blocks = 1; blocks <= 64 && blocks <= tiles; ++blocks) {
    for (int64_t group = std::min<int64_t>(2, panels);; group = std::min(group * 2, panels)) {
      const WinogradBlocking candidate{quotient(tiles, blocks), group};
      const double cycles = estimate(table, shape, form, tiles, candidate);
      if (best_cycles == 0 || cycles < best_cycles) {
        best_cycles = cycles;
        best = candidate;
      }
      if (group == panels) break;
    }
  }
  return best;
}

int64_t winograd_workspace_bytes(const ConvShape& shape, WinogradForm form, const WinogradBlocking& blocking, int threads) {
  return zeros_bytes(shape) + threads * part_bytes(shape, form, blocking);
}

void conv_winograd(const KernelTable& table, const ConvShape& shape, WinogradForm form, const WinogradBlocking& blocking,
                   const float* src, const float* packed, float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  float* zeros = static_cast<float*>(workspace);
  std::memset(zeros, 0, zeros_bytes(shape));
  const Tiling tiling = tiling_of(shape, form);
  const Job job{table, shape, form,     blocking,        tiling, src, packed, zeros, dst, &epilogue, points_of(form),
                round_up(shape.channels, kPanel)};
  const int64_t tiles = tiling.count(shape), panels = panel_count(shape.out_channels);
  // Parts of output channels transform the source each for itself (a tile's values are read and written), parts of tiles read all weights.
  const GridSplit grid = split_grid(team.size(), tiles, panels, 2, kPanel);
  team.run(grid.m_parts * grid.n_parts, [&](int part) {
    const int64_t i = part % grid.m_parts, j = part / grid.m_parts;
    char* memory = static_cast<char*>(workspace) + zeros_bytes(shape) + part * part_bytes(shape, form, blocking);
    float* values = reinterpret_cast<float*>(memory);
    float* products = reinterpret_cast<float*>(memory + values_bytes(shape, form, blocking.tiles));
    const int64_t begin = tiles * i / grid.m_parts, end = tiles * (i + 1) / grid.m_parts;
    const int64_t first_panel = panels * j / grid.n_parts, last_panel = panels * (j + 1) / grid.n_parts;
    const int64_t blocks = quotient(end - begin, blocking.tiles);
    for (int64_t block = 0; block < blocks; ++block) {
      const int64_t first = begin + (end - begin) * block / blocks;
      const int64_t count = begin + (end - begin) * (block + 1) / blocks - first;
      transform_inputs(job, first, count, values);
      for (int64_t panel = first_panel; panel < last_panel; panel += blocking.panels) {
        const int64_t group = std::min(blocking.panels, last_panel - panel);
        multiply(job, count, panel, group, values, products);
        transform_outputs(job, first, count, panel, group, products);
      }
    }
  });
}

}  // namespace sinter::cpu
