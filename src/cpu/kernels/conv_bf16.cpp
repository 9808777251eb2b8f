#include "cpu/kernels/conv_bf16.h"

#include <algorithm>
#include <cstring>

#include "cpu/kernels/bf16.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kSplitGrain = 16 << 10;  // values

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

// What of the source is read, as it lies in the workspace: pixels without gaps, channels filled up to an even number; of a strided 1x1
// convolution only the pixels under the filter.
ConvShape split_shape(const ConvShape& s) {
  ConvShape t = s;
  if (s.groups == 1) t.channels = round_up(s.channels, 2);
  t.src_pixel_stride = t.channels;
  if (s.kh == 1 && s.kw == 1 && s.pad_top == 0 && s.pad_left == 0 && (s.stride_h > 1 || s.stride_w > 1)) {
    t.h = s.oh;
    t.w = s.ow;
    t.stride_h = t.stride_w = 1;
  }
  return t;
}

int64_t units_of(const ConvShape& s) { return round_up(s.channels / s.groups, 2) / 2; }
int parts_of(int terms) { return terms == 1 ? 1 : 2; }
// Of one group and panel, high parts alone.
int64_t panel_units(const ConvShape& s) { return s.kh * s.kw * units_of(s) * kPanel; }
int64_t group_units(const ConvShape& s, int terms) { return panel_count(s.out_channels / s.groups) * panel_units(s) * parts_of(terms); }

// Bytes of one part of the source, with the zeros that stand for padding before it.
int64_t zeros_bytes(const ConvShape& split) { return round_up(split.channels / split.groups * 2, 64); }
int64_t part_bytes(const ConvShape& split) { return zeros_bytes(split) + round_up(split.batch * split.h * split.w * split.channels * 2, 64); }

// Pixel p of `split`, in the source.
int64_t source_pixel(const ConvShape& s, const ConvShape& split, int64_t p) {
  const int64_t x = p % split.w, y = p / split.w % split.h, n = p / split.w / split.h;
  return (n * s.h + y * (split.h == s.h ? 1 : s.stride_h)) * s.w + x * (split.w == s.w ? 1 : s.stride_w);
}

// Pixels [begin, end) of `split`.
void split_pixels(const KernelTable& table, const ConvShape& s, const ConvShape& split, const float* src, int64_t begin, int64_t end, uint16_t* high, uint16_t* low) {
  const bool whole = split.h == s.h && split.w == s.w && s.src_pixel_stride == s.channels && split.channels == s.channels;
  const int64_t run = whole ? end - begin : 1;
  for (int64_t p = begin; p < end; p += run) {
    const int64_t to = p * split.channels;
    const float* from = src + (whole ? p : source_pixel(s, split, p)) * s.src_pixel_stride;
    table.split_bf16(from, run * s.channels, high + to, low != nullptr ? low + to : nullptr);
    if (split.channels == s.channels) continue;
    high[to + s.channels] = 0;
    if (low != nullptr) low[to + s.channels] = 0;
  }
}

void put(uint16_t* to, int64_t low, int terms, float value) {
  *to = nearest_bf16(value);
  if (terms != 1) to[low] = bf16_rest(value, *to);
}

}  // namespace

bool conv_bf16_supports(const ConvShape& shape) { return shape.groups == 1 || shape.channels / shape.groups % 2 == 0; }

int64_t conv_bf16_packed_count(const ConvShape& shape, int terms) { return shape.groups * group_units(shape, terms) * 2; }

void conv_bf16_pack(const ConvShape& shape, int terms, const float* weights, uint16_t* packed) {
  const int64_t in = shape.channels / shape.groups, out = shape.out_channels / shape.groups, taps = shape.kh * shape.kw;
  const int64_t low = panel_units(shape) * 2;
  std::memset(packed, 0, static_cast<size_t>(conv_bf16_packed_count(shape, terms) * 2));
  for (int64_t o = 0; o < shape.out_channels; ++o) {
    const int64_t g = o / out, panel = o % out / kPanel, column = o % out % kPanel;
    uint16_t* to = packed + (g * group_units(shape, terms) + panel * panel_units(shape) * parts_of(terms) + column) * 2;
    for (int64_t c = 0; c < in; ++c) {
      for (int64_t tap = 0; tap < taps; ++tap) put(to + (tap * units_of(shape) + c / 2) * kPanel * 2 + c % 2, low, terms, weights[(o * in + c) * taps + tap]);
    }
  }
}

void matmul_bf16_pack(int64_t n, int64_t k, int terms, const float* b, int64_t b_stride, bool b_transposed, uint16_t* packed) {
  const int64_t units = (k + 1) / 2 * kPanel, low = units * 2;
  std::memset(packed, 0, static_cast<size_t>(panel_count(n) * units * parts_of(terms) * 4));
  for (int64_t col = 0; col < n; ++col) {
    uint16_t* to = packed + (col / kPanel * units * parts_of(terms) + col % kPanel) * 2;
    for (int64_t i = 0; i < k; ++i) put(to + i / 2 * kPanel * 2 + i % 2, low, terms, b_transposed ? b[col * b_stride + i] : b[i * b_stride + col]);
  }
}

GemmBlocking conv_bf16_blocking(const KernelTable& table, const ConvShape& shape, int terms) {
  const ConvShape split = split_shape(shape);
  return choose_blocking(table.bf16, shape.batch * shape.oh * shape.ow, shape.out_channels / shape.groups, units_of(split) * parts_of(terms), shape.kh * shape.kw);
}

int64_t conv_bf16_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, int terms, int threads) {
  return part_bytes(split_shape(shape)) * parts_of(terms) + threads * gemm_scratch_bytes(blocking, shape.kh * shape.kw, terms);
}

void conv_bf16(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, int terms, const float* src, const uint16_t* packed,
               float* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  const ConvShape split = split_shape(shape);
  char* memory = static_cast<char*>(workspace);
  const int64_t zeros = zeros_bytes(split), part = part_bytes(split);
  auto* high = reinterpret_cast<uint16_t*>(memory + zeros);
  uint16_t* low = terms == 1 ? nullptr : reinterpret_cast<uint16_t*>(memory + part + zeros);
  for (int i = 0; i < parts_of(terms); ++i) std::memset(memory + i * part, 0, static_cast<size_t>(zeros));
  team.split(split.batch * split.h * split.w, std::max<int64_t>(kSplitGrain / std::max<int64_t>(split.channels, 1), 1),
             [&](int64_t begin, int64_t end) { split_pixels(table, shape, split, src, begin, end, high, low); });
  ConvOperands operands;
  operands.src = high;
  operands.src_bytes = 2;
  operands.padding = memory;
  operands.packed = packed;
  operands.group_units = group_units(shape, terms);
  operands.dst = dst;
  operands.terms = terms;
  if (terms != 1) operands.src_low = part;
  conv_on_team(table.bf16, operands, split, blocking, epilogue, team, memory + part * parts_of(terms));
}

}  // namespace sinter::cpu
