#include "cpu/kernels/conv_bytes.h"

#include <algorithm>
#include <cstring>

namespace sinter::cpu {
namespace {

constexpr int64_t kFlipGrain = 32 << 10;

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

int64_t units_of(int64_t values) { return (values + kUnitBytes - 1) / kUnitBytes; }

// Of one group's weights.
int64_t group_units(const ConvShape& s) {
  return panel_count(s.out_channels / s.groups) * kPanel * s.kh * s.kw * units_of(s.channels / s.groups);
}

int64_t padding_bytes(const ConvShape& s) { return round_up(s.channels / s.groups, 64); }
int64_t source_bytes(const ConvShape& s) { return s.batch * s.h * s.w * s.src_pixel_stride; }
int64_t pixels_of(const ConvShape& s) { return s.batch * s.oh * s.ow; }
int64_t ones_bytes(const ConvShape& s) { return s.kh * s.kw * units_of(s.channels / s.groups) * kPanel * kUnitBytes; }

// Where the parts of the workspace begin.
struct Parts {
  int64_t source, ones, sums, scratch;
};
Parts parts_of(const ConvShape& s, bool flips, bool row_sums) {
  Parts parts;
  parts.source = padding_bytes(s);
  parts.ones = parts.source + (flips ? round_up(source_bytes(s), 64) : 0);
  parts.sums = parts.ones + (row_sums ? ones_bytes(s) : 0);
  parts.scratch = parts.sums + (row_sums ? round_up(pixels_of(s) * 4, 64) : 0);
  return parts;
}

GemmBlocking sums_blocking(const KernelTable& table, const GemmBlocking& blocking) {
  GemmBlocking one = blocking;
  one.panels = 1;
  one.rows = std::min(blocking.rows, table.bytes.max_rows[0]);
  return one;
}

// One group after another: the sums of its rows, as a product with a column of ones, then its outputs.
void run_with_row_sums(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, ConvOperands operands,
                       const Epilogue& epilogue, ThreadTeam& team, char* ones, int32_t* sums, char* scratch) {
  std::memset(ones, 0, static_cast<size_t>(ones_bytes(shape)));
  for (int64_t i = 0; i < ones_bytes(shape); i += kPanel * kUnitBytes) std::memset(ones + i, 1, kUnitBytes);
  static constexpr int32_t kNoStart[kPanel + kColumnSlack] = {};
  ByteEpilogue raw;
  raw.store = ByteStore::kSums;
  raw.start = kNoStart;
  Epilogue store_raw;
  store_raw.bytes = &raw;
  ByteEpilogue with_sums = *epilogue.bytes;
  with_sums.row_sums = sums;
  Epilogue finish = epilogue;
  finish.bytes = &with_sums;
  const int64_t in = shape.channels / shape.groups;
  ConvShape rows = shape;
  rows.channels = in;
  rows.out_channels = rows.groups = rows.dst_pixel_stride = 1;
  for (int64_t g = 0; g < shape.groups; ++g) {
    ConvOperands of_sums = operands;
    of_sums.src = static_cast<const char*>(operands.src) + g * in;
    of_sums.packed = ones;
    of_sums.dst = sums;
    of_sums.dst_bytes = 4;
    conv_on_team(table.bytes, of_sums, rows, sums_blocking(table, blocking), store_raw, team, scratch);
    operands.only_group = g;
    conv_on_team(table.bytes, operands, shape, blocking, finish, team, scratch);
  }
}

}  // namespace

int64_t conv_bytes_packed_bytes(const ConvShape& shape) { return shape.groups * group_units(shape) * kUnitBytes; }

void conv_bytes_pack(const ConvShape& shape, const int8_t* weights, int8_t* packed, int32_t* column_sums) {
  const int64_t in = shape.channels / shape.groups, out = shape.out_channels / shape.groups, taps = shape.kh * shape.kw;
  std::memset(packed, 0, static_cast<size_t>(conv_bytes_packed_bytes(shape)));
  for (int64_t o = 0; o < shape.out_channels; ++o) {
    const int64_t g = o / out, panel = o % out / kPanel, column = o % out % kPanel;
    int8_t* to = packed + (g * group_units(shape) + panel * kPanel * taps * units_of(in)) * kUnitBytes + column * kUnitBytes;
    int32_t sum = 0;
    for (int64_t c = 0; c < in; ++c) {
      for (int64_t tap = 0; tap < taps; ++tap) {
        const int8_t w = weights[(o * in + c) * taps + tap];
        to[(tap * units_of(in) + c / kUnitBytes) * kPanel * kUnitBytes + c % kUnitBytes] = w;
        sum += w;
      }
    }
    column_sums[o] = sum;
  }
}

GemmBlocking conv_bytes_blocking(const KernelTable& table, const ConvShape& shape) {
  return choose_blocking(table.bytes, pixels_of(shape), shape.out_channels / shape.groups, units_of(shape.channels / shape.groups),
                         shape.kh * shape.kw);
}

int64_t conv_bytes_workspace_bytes(const ConvShape& shape, const GemmBlocking& blocking, bool flips, bool row_sums, int threads) {
  return parts_of(shape, flips, row_sums).scratch + threads * gemm_scratch_bytes(blocking, shape.kh * shape.kw);
}

void conv_bytes(const KernelTable& table, const ConvShape& shape, const GemmBlocking& blocking, const ByteSource& source,
                const int8_t* packed, void* dst, const Epilogue& epilogue, ThreadTeam& team, void* workspace) {
  const bool row_sums = epilogue.bytes->weight_zero != nullptr;
  const bool flips = flips_source(table, source.is_signed);
  const Parts parts = parts_of(shape, flips, row_sums);
  char* memory = static_cast<char*>(workspace);
  std::memset(memory, source.zero, static_cast<size_t>(padding_bytes(shape)));
  ConvOperands operands;
  operands.src = source.data;
  operands.src_bytes = 1;
  operands.src_signed = source.is_signed && !flips;
  operands.padding = memory;
  operands.padding_is_zero = source.zero == 0;
  operands.packed = packed;
  operands.group_units = group_units(shape);
  operands.dst = dst;
  operands.dst_bytes = byte_store_bytes(epilogue.bytes->store);
  if (flips) {
    auto* flipped = reinterpret_cast<uint8_t*>(memory + parts.source);
    const auto* from = static_cast<const uint8_t*>(source.data);
    team.split(source_bytes(shape), kFlipGrain, [&](int64_t begin, int64_t end) { table.flip_bytes(from + begin, flipped + begin, end - begin); });
    operands.src = flipped;
  }
  char* scratch = memory + parts.scratch;
  if (!row_sums) return conv_on_team(table.bytes, operands, shape, blocking, epilogue, team, scratch);
  run_with_row_sums(table, shape, blocking, operands, epilogue, team, memory + parts.ones, reinterpret_cast<int32_t*>(memory + parts.sums), scratch);
}

}  // namespace sinter::cpu
