// Convolution of a source with few channels, through padded copies of bands of its rows (see conv.h).
#include <algorithm>
#include <cstring>

#include "cpu/kernels/conv.h"

namespace sinter::cpu {
namespace {

// A band's copy stays in the second-level cache while its output rows are computed. Neighbouring bands share
// kh - stride rows, so a band should have many.
constexpr int64_t kBandBytes = 256 << 10;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

struct Band {
  int64_t columns;      // of the padded copy
  int64_t output_rows;  // that one band serves
  int64_t source_rows;  // that it holds
  int64_t bytes;
  ImageStrides strides;  // of the copy: planar, or channels innermost as the source is (batch is not used)
};

Band band_of(const ConvShape& shape, bool planar) {
  Band band;
  band.columns = std::max<int64_t>((shape.ow - 1) * shape.stride_w + (shape.kw - 1) * shape.dilation_w + 1, 1);
  const int64_t span = (shape.kh - 1) * shape.dilation_h + 1, row_floats = band.columns * shape.channels;
  const int64_t rows = std::max<int64_t>(kBandBytes / std::max<int64_t>(row_floats * 4, 1), span);
  band.output_rows = std::clamp<int64_t>((rows - span) / shape.stride_h + 1, 1, std::max<int64_t>(shape.oh, 1));
  band.source_rows = (band.output_rows - 1) * shape.stride_h + span;
  band.bytes = round_up(band.source_rows * row_floats * sizeof(float), 64);
  if (planar) band.strides = {0, band.source_rows * band.columns, band.columns, 1};
  else band.strides = {0, 1, row_floats, shape.channels};
  return band;
}

// Columns [-pad_left, columns - pad_left) of `width` values each; zeros outside the source.
void copy_line(const ConvShape& shape, int64_t columns, int64_t width, const float* from, float* to) {
  const int64_t begin = std::min(shape.pad_left, columns), end = std::clamp(shape.w + shape.pad_left, begin, columns);
  std::memset(to, 0, begin * width * sizeof(float));
  std::memcpy(to + begin * width, from, (end - begin) * width * sizeof(float));
  std::memset(to + end * width, 0, (columns - end) * width * sizeof(float));
}

// Source row y of all channels into row i of the copy.
void copy_row(const ConvShape& shape, const Band& band, const float* image, const ImageStrides& strides, int64_t y,
              float* copy, int64_t i) {
  const bool planar = band.strides.column == 1;
  float* to = copy + i * band.strides.row;
  const bool inside = y >= 0 && y < shape.h;
  if (!planar) {
    if (inside) copy_line(shape, band.columns, shape.channels, image + y * strides.row, to);
    else std::memset(to, 0, band.strides.row * sizeof(float));
    return;
  }
  for (int64_t c = 0; c < shape.channels; ++c, to += band.strides.channel) {
    if (inside) copy_line(shape, band.columns, 1, image + y * strides.row + c * strides.channel, to);
    else std::memset(to, 0, band.columns * sizeof(float));
  }
}

struct BandRows {
  const ConvShape* shape;
  const ImageStrides* strides;
  const float* copy;
  int64_t first_pixel;  // output pixel (in the whole output) of the band's first
};

int fill_band_rows(const void* ctx, int64_t row, int count, const void** out) {
  const BandRows& band = *static_cast<const BandRows*>(ctx);
  const ConvShape& s = *band.shape;
  const int64_t column_step = s.stride_w * band.strides->column, row_step = s.stride_h * band.strides->row;
  int64_t oy = (row - band.first_pixel) / s.ow, ox = (row - band.first_pixel) % s.ow;
  for (int r = 0; r < count; ++r) {
    out[r] = band.copy + oy * row_step + ox * column_step;
    if (++ox == s.ow) ox = 0, ++oy;
  }
  return 1;
}

// Where each k of the packed weights, (ky, kx, channel), is read from, relative to an output pixel's first tap.
void write_offsets(const ConvShape& shape, const ImageStrides& strides, int64_t* offsets) {
  for (int64_t ky = 0; ky < shape.kh; ++ky) {
    for (int64_t kx = 0; kx < shape.kw; ++kx) {
      for (int64_t c = 0; c < shape.channels; ++c) {
        *offsets++ = ky * shape.dilation_h * strides.row + kx * shape.dilation_w * strides.column + c * strides.channel;
      }
    }
  }
}

// Tiles that stay within a row of output step evenly through the copy; worth it where the row's last tile is but a small part.
constexpr int64_t kLongRow = 56;
bool is_row_by_row(const ConvShape& shape) { return shape.ow >= kLongRow; }

int64_t k_of(const ConvShape& shape) { return shape.kh * shape.kw * shape.channels; }
int64_t offsets_bytes(const ConvShape& shape) { return round_up(k_of(shape) * sizeof(int64_t), 64); }

}  // namespace

bool conv_few_channels_supports(const ConvShape& shape) { return shape.groups == 1; }

GemmBlocking conv_few_channels_blocking(const KernelTable& table, const ConvShape& shape) {
  const int64_t rows = is_row_by_row(shape) ? 1 : band_of(shape, true).output_rows;
  return choose_blocking(table, rows * shape.ow, shape.out_channels, k_of(shape), 1, true);
}

int64_t conv_few_channels_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads) {
  return offsets_bytes(shape) + threads * (band_of(shape, true).bytes + gemm_scratch_bytes(blocking, 1));
}

void conv_few_channels(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking,
                       const float* src, const ImageStrides& strides, const float* packed, float* dst,
                       const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  const Band band = band_of(shape, strides.column == 1);
  int64_t* offsets = static_cast<int64_t*>(workspace);
  write_offsets(shape, band.strides, offsets);
  const int64_t bands = (shape.oh + band.output_rows - 1) / band.output_rows, jobs = shape.batch * bands;
  const int64_t part_bytes = band.bytes + gemm_scratch_bytes(blocking, 1);
  const int parts = static_cast<int>(std::min<int64_t>(team.size(), jobs));
  team.run(parts, [&](int part) {
    char* memory = static_cast<char*>(workspace) + offsets_bytes(shape) + part * part_bytes;
    float* copy = reinterpret_cast<float*>(memory);
    for (int64_t job = jobs * part / parts; job < jobs * (part + 1) / parts; ++job) {
      const int64_t n = job / bands, oy = job % bands * band.output_rows;
      const int64_t rows = std::min(band.output_rows, shape.oh - oy);
      const int64_t source_rows = band.source_rows - (band.output_rows - rows) * shape.stride_h;
      for (int64_t i = 0; i < source_rows; ++i) {
        copy_row(shape, band, src + n * strides.batch, strides, oy * shape.stride_h - shape.pad_top + i, copy, i);
      }
      const BandRows of_band{&shape, &band.strides, copy, (n * shape.oh + oy) * shape.ow};
      GemmArgs args;
      args.m = shape.batch * shape.oh * shape.ow;
      args.n = shape.out_channels;
      args.k = k_of(shape);
      args.k_offsets = offsets;
      args.fill = &fill_band_rows;
      args.fill_ctx = &of_band;
      args.b = packed;
      args.c = dst;
      args.c_stride = shape.dst_pixel_stride;
      args.epilogue = &epilogue;
      const int64_t step = is_row_by_row(shape) ? 1 : rows;
      for (int64_t i = 0; i < rows; i += step) {
        const int64_t pixel = of_band.first_pixel + i * shape.ow;
        gemm_block(table, args, blocking, pixel, pixel + step * shape.ow, 0, panel_count(shape.out_channels), memory + band.bytes);
      }
    }
  });
}

}  // namespace sinter::cpu
