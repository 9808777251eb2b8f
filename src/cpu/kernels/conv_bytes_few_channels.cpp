// Convolution of an image of 8-bit values, through padded copies of bands of its rows (see conv_bytes.h).
#include <algorithm>
#include <cstring>

#include "cpu/kernels/conv_bytes.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kBandBytes = 256 << 10;  // as in conv_few_channels.cpp

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

int64_t row_units(const ConvShape& s) { return (s.kw * s.channels + kUnitBytes - 1) / kUnitBytes; }

struct Band {
  int64_t columns;      // of the padded copy
  int64_t row_bytes;
  int64_t output_rows;  // that one band serves
  int64_t source_rows;  // that it holds
  int64_t bytes;        // and what the last unit of a segment reads beyond
};

Band band_of(const ConvShape& s) {
  Band band;
  band.columns = std::max<int64_t>((s.ow - 1) * s.stride_w + s.kw, 1);
  band.row_bytes = band.columns * s.channels;
  const int64_t span = (s.kh - 1) * s.dilation_h + 1, rows = std::max<int64_t>(kBandBytes / std::max<int64_t>(band.row_bytes, 1), span);
  band.output_rows = std::clamp<int64_t>((rows - span) / s.stride_h + 1, 1, std::max<int64_t>(s.oh, 1));
  band.source_rows = (band.output_rows - 1) * s.stride_h + span;
  band.bytes = round_up(band.source_rows * band.row_bytes + kUnitBytes, 64);
  return band;
}

// n pixels of planes `plane` apart, one after the other.
void interleave(const KernelTable& table, const uint8_t* from, int64_t plane, int64_t channels, int64_t n, uint8_t flip, uint8_t* to) {
  if (channels == 3) return table.interleave_three(from, plane, n, flip, to);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t x = 0; x < n; ++x) to[x * channels + c] = from[c * plane + x] ^ flip;
  }
}

// One row of the source with the padding at its sides.
void copy_row(const KernelTable& table, const ConvShape& s, const Band& band, const ImageStrides& strides, const uint8_t* row,
              const ByteSource& source, uint8_t* to) {
  const int64_t begin = std::min(s.pad_left, band.columns), end = std::clamp(s.w + s.pad_left, begin, band.columns);
  const uint8_t flip = source.is_signed ? 0x80 : 0;
  std::memset(to, source.zero, static_cast<size_t>(begin * s.channels));
  uint8_t* inner = to + begin * s.channels;
  if (strides.column == 1 && s.channels > 1) {
    interleave(table, row, strides.channel, s.channels, end - begin, flip, inner);
  } else {
    for (int64_t i = 0; i < (end - begin) * s.channels; ++i) inner[i] = row[i] ^ flip;
  }
  std::memset(to + end * s.channels, source.zero, static_cast<size_t>((band.columns - end) * s.channels));
}

struct BandRows {
  const ConvShape* shape;
  int64_t row_bytes;
  const uint8_t* copy;
  int64_t first_pixel;  // output pixel (in the whole output) of the band's first
};

int fill_band_rows(const void* ctx, int64_t row, int count, const void** out) {
  const BandRows& band = *static_cast<const BandRows*>(ctx);
  const ConvShape& s = *band.shape;
  int64_t oy = (row - band.first_pixel) / s.ow, ox = (row - band.first_pixel) % s.ow;
  const int64_t step = s.stride_w * s.channels;
  for (int r = 0; r < count; ++oy, ox = 0) {
    const int run = static_cast<int>(std::min<int64_t>(count - r, s.ow - ox));
    const uint8_t* first = band.copy + oy * s.stride_h * band.row_bytes + ox * step;
    for (int64_t ky = 0; ky < s.kh; ++ky, first += s.dilation_h * band.row_bytes) {
      const void** to = out + ky * count + r;
      for (int i = 0; i < run; ++i) to[i] = first + i * step;
    }
    r += run;
  }
  return 1;
}

}  // namespace

bool conv_bytes_few_channels_supports(const ConvShape& shape) { return shape.groups == 1 && shape.dilation_w == 1; }

int64_t conv_bytes_few_channels_packed_bytes(const ConvShape& shape) {
  return panel_count(shape.out_channels) * kPanel * shape.kh * row_units(shape) * kUnitBytes;
}

void conv_bytes_few_channels_pack(const ConvShape& s, const int8_t* weights, int8_t* packed, int32_t* column_sums) {
  std::memset(packed, 0, static_cast<size_t>(conv_bytes_few_channels_packed_bytes(s)));
  for (int64_t o = 0; o < s.out_channels; ++o) {
    int8_t* panel = packed + o / kPanel * kPanel * s.kh * row_units(s) * kUnitBytes + o % kPanel * kUnitBytes;
    int32_t sum = 0;
    for (int64_t c = 0; c < s.channels; ++c) {
      for (int64_t ky = 0; ky < s.kh; ++ky) {
        for (int64_t kx = 0; kx < s.kw; ++kx) {
          const int8_t w = weights[((o * s.channels + c) * s.kh + ky) * s.kw + kx];
          const int64_t k = kx * s.channels + c;
          panel[(ky * row_units(s) + k / kUnitBytes) * kPanel * kUnitBytes + k % kUnitBytes] = w;
          sum += w;
        }
      }
    }
    column_sums[o] = sum;
  }
}

GemmBlocking conv_bytes_few_channels_blocking(const KernelTable& table, const ConvShape& shape) {
  return choose_blocking(table.bytes, band_of(shape).output_rows * shape.ow, shape.out_channels, row_units(shape), shape.kh);
}

int64_t conv_bytes_few_channels_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int threads) {
  return threads * (band_of(shape).bytes + gemm_scratch_bytes(blocking, shape.kh));
}

void conv_bytes_few_channels(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const ByteSource& source,
                             const ImageStrides& strides, const int8_t* packed, void* dst, const Epilogue& epilogue, ThreadTeam& team,
                             void* workspace) {
  const Band band = band_of(shape);
  const int64_t bands = (shape.oh + band.output_rows - 1) / band.output_rows, jobs = shape.batch * bands;
  const int64_t part_bytes = band.bytes + gemm_scratch_bytes(blocking, shape.kh);
  const int parts = static_cast<int>(std::min<int64_t>(team.size(), jobs));
  team.run(parts, [&](int part) {
    char* memory = static_cast<char*>(workspace) + part * part_bytes;
    auto* copy = reinterpret_cast<uint8_t*>(memory);
    for (int64_t job = jobs * part / parts; job < jobs * (part + 1) / parts; ++job) {
      const int64_t n = job / bands, oy = job % bands * band.output_rows, rows = std::min(band.output_rows, shape.oh - oy);
      const int64_t source_rows = band.source_rows - (band.output_rows - rows) * shape.stride_h;
      const auto* image = static_cast<const uint8_t*>(source.data) + n * strides.batch;
      for (int64_t i = 0; i < source_rows; ++i) {
        const int64_t y = oy * shape.stride_h - shape.pad_top + i;
        if (y >= 0 && y < shape.h) copy_row(table, shape, band, strides, image + y * strides.row, source, copy + i * band.row_bytes);
        else std::memset(copy + i * band.row_bytes, source.zero, static_cast<size_t>(band.row_bytes));
      }
      std::memset(copy + source_rows * band.row_bytes, 0, kUnitBytes);
      const BandRows of_band{&shape, band.row_bytes, copy, (n * shape.oh + oy) * shape.ow};
      GemmArgs args;
      args.m = shape.batch * shape.oh * shape.ow;
      args.n = shape.out_channels;
      args.k = row_units(shape);
      args.segments = shape.kh;
      args.fill = &fill_band_rows;
      args.fill_ctx = &of_band;
      args.b = packed;
      args.c = dst;
      args.c_bytes = byte_store_bytes(epilogue.bytes->store);
      args.c_stride = shape.dst_pixel_stride;
      args.epilogue = &epilogue;
      gemm_block(table.bytes, args, blocking, of_band.first_pixel, of_band.first_pixel + rows * shape.ow, 0, panel_count(shape.out_channels),
                 memory + band.bytes);
    }
  });
}

}  // namespace sinter::cpu
