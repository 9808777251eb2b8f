// Convolution of a source with few channels, through padded channels-last copies of bands of its rows (see conv.h).
#include <algorithm>
#include <cstring>

#include "cpu/kernels/conv.h"

namespace sinter::cpu {
namespace {

// One band's copy should stay in the first-level cache's neighbourhood while its output rows are computed.
constexpr int64_t kBandBytes = 64 << 10;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

struct Band {
  int64_t columns;      // of the padded copy
  int64_t row_floats;
  int64_t output_rows;  // that one band serves
  int64_t source_rows;  // that it holds
  int64_t bytes;
};

Band band_of(const ConvShape& shape) {
  Band band;
  band.columns = (shape.ow - 1) * shape.stride_w + shape.kw;
  band.row_floats = band.columns * shape.channels;
  const int64_t span = (shape.kh - 1) * shape.dilation_h + 1;
  const int64_t rows = std::max<int64_t>(kBandBytes / std::max<int64_t>(band.row_floats * 4, 1), span);
  band.output_rows = std::clamp<int64_t>((rows - span) / shape.stride_h + 1, 1, std::max<int64_t>(shape.oh, 1));
  band.source_rows = (band.output_rows - 1) * shape.stride_h + span;
  band.bytes = round_up(band.source_rows * band.row_floats * sizeof(float), 64);
  return band;
}

// Source row y of the image, columns [-pad_left, columns - pad_left), channels innermost, zeros outside.
void copy_row(const ConvShape& shape, const Band& band, const float* image, const ImageStrides& strides, int64_t y,
              float* to) {
  if (y < 0 || y >= shape.h) {
    std::memset(to, 0, band.row_floats * sizeof(float));
    return;
  }
  const int64_t begin = std::min(shape.pad_left, band.columns);
  const int64_t end = std::clamp(shape.w + shape.pad_left, begin, band.columns);
  std::memset(to, 0, begin * shape.channels * sizeof(float));
  std::memset(to + end * shape.channels, 0, (band.columns - end) * shape.channels * sizeof(float));
  const float* from = image + y * strides.row;
  if (strides.channel == 1 && strides.column == shape.channels) {
    std::memcpy(to + begin * shape.channels, from, (end - begin) * shape.channels * sizeof(float));
    return;
  }
  for (int64_t c = 0; c < shape.channels; ++c) {
    const float* plane = from + c * strides.channel - shape.pad_left * strides.column;
    for (int64_t x = begin; x < end; ++x) to[x * shape.channels + c] = plane[x * strides.column];
  }
}

struct BandRows {
  const ConvShape* shape;
  const float* copy;
  int64_t row_floats;
  int64_t first_pixel;  // output pixel (in the whole output) of the band's first
};

void fill_band_rows(const void* ctx, int64_t row, int count, const float** out) {
  const BandRows& band = *static_cast<const BandRows*>(ctx);
  const ConvShape& s = *band.shape;
  for (int r = 0; r < count; ++r) {
    const int64_t pixel = row + r - band.first_pixel;
    const int64_t oy = pixel / s.ow, ox = pixel % s.ow;
    const float* at = band.copy + oy * s.stride_h * band.row_floats + ox * s.stride_w * s.channels;
    for (int64_t ky = 0; ky < s.kh; ++ky) out[ky * count + r] = at + ky * s.dilation_h * band.row_floats;
  }
}

}  // namespace

bool conv_few_channels_supports(const ConvShape& shape) { return shape.groups == 1 && shape.dilation_w == 1; }

GemmBlocking conv_few_channels_blocking(const KernelTable& table, const ConvShape& shape) {
  return choose_blocking(table, band_of(shape).output_rows * shape.ow, shape.out_channels, shape.kw * shape.channels,
                         shape.kh);
}

int64_t conv_few_channels_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads) {
  return threads * (band_of(shape).bytes + gemm_scratch_bytes(blocking, shape.kh));
}

void conv_few_channels(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking,
                       const float* src, const ImageStrides& strides, const float* packed, float* dst,
                       const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  const Band band = band_of(shape);
  const int64_t bands = (shape.oh + band.output_rows - 1) / band.output_rows, jobs = shape.batch * bands;
  const int64_t part_bytes = band.bytes + gemm_scratch_bytes(blocking, shape.kh);
  const int parts = static_cast<int>(std::min<int64_t>(team.size(), jobs));
  team.run(parts, [&](int part) {
    char* memory = static_cast<char*>(workspace) + part * part_bytes;
    float* copy = reinterpret_cast<float*>(memory);
    for (int64_t job = jobs * part / parts; job < jobs * (part + 1) / parts; ++job) {
      const int64_t n = job / bands, oy = job % bands * band.output_rows;
      const int64_t rows = std::min(band.output_rows, shape.oh - oy);
      const int64_t source_rows = band.source_rows - (band.output_rows - rows) * shape.stride_h;
      for (int64_t i = 0; i < source_rows; ++i) {
        copy_row(shape, band, src + n * strides.batch, strides, oy * shape.stride_h - shape.pad_top + i,
                 copy + i * band.row_floats);
      }
      const BandRows of_band{&shape, copy, band.row_floats, (n * shape.oh + oy) * shape.ow};
      GemmArgs args;
      args.m = shape.batch * shape.oh * shape.ow;
      args.n = shape.out_channels;
      args.k = shape.kw * shape.channels;
      args.segments = shape.kh;
      args.fill = &fill_band_rows;
      args.fill_ctx = &of_band;
      args.b = packed;
      args.c = dst;
      args.c_stride = shape.dst_pixel_stride;
      args.epilogue = &epilogue;
      gemm_block(table, args, blocking, of_band.first_pixel, of_band.first_pixel + rows * shape.ow, 0,
                 panel_count(shape.out_channels), memory + band.bytes);
    }
  });
}

}  // namespace sinter::cpu
