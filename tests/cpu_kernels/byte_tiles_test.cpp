// Products of 8-bit values on every instruction set that this machine has, and AMX's over emulated registers: sums are exact, and nothing is
// read beyond the operands' last byte.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>

#include "cpu/kernels/conv_bytes.h"
#include "cpu/kernels/matmul_bytes.h"
#include "cpu_kernels/conv_case.h"
#include "cpu_kernels/emulated_amx.h"
#include "cpu_kernels/support.h"

namespace sinter::cpu {
namespace {

struct Way {
  std::string name;
  KernelTable table;
  bool fused;  // multiplies and adds with one rounding where the epilogue is folded
};

const std::vector<Way>& ways() {
  static const std::vector<Way> all = [] {
    std::vector<Way> result;
    for (const Isa isa : {Isa::kBaseline, Isa::kAvx2, Isa::kAvx512Vnni, Isa::kAmx, Isa::kDotprod}) {
      if (has_isa(isa) && kernel_table(isa).isa == isa) result.push_back({std::string(isa_name(isa)), kernel_table(isa), isa_includes(isa, Isa::kAvx512Vnni)});
    }
#if defined(__x86_64__)
    if (has_isa(Isa::kAvx512Vnni)) {
      result.push_back({"amx_emulated", emulated_amx_table(), true});
    }
#endif
    return result;
  }();
  return all;
}

int64_t emulated_fault_count() {
#if defined(__x86_64__)
  return emulated_faults;
#else
  return 0;
#endif
}

// Bytes that end where a page begins that nobody may read.
class Guarded {
 public:
  explicit Guarded(int64_t bytes) : page_(sysconf(_SC_PAGESIZE)), size_((bytes + page_ - 1) / page_ * page_ + page_) {
    memory_ = static_cast<char*>(mmap(nullptr, static_cast<size_t>(size_), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory_ + size_ - page_, static_cast<size_t>(page_), PROT_NONE);
    data_ = memory_ + size_ - page_ - bytes;
  }
  ~Guarded() { munmap(memory_, static_cast<size_t>(size_)); }
  Guarded(const Guarded&) = delete;
  template <typename T>
  T* as() const { return reinterpret_cast<T*>(data_); }

 private:
  int64_t page_, size_;
  char *memory_, *data_;
};

void fill_bytes(const Guarded& to, int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  for (int64_t i = 0; i < count; ++i) to.as<uint8_t>()[i] = static_cast<uint8_t>(random() >> 8);
}

int value_of(const uint8_t* bytes, int64_t i, bool is_signed) { return is_signed ? static_cast<int8_t>(bytes[i]) : bytes[i]; }

// What becomes of the sums, and what should.
struct Finish {
  ByteStore store;
  std::vector<int32_t> start;
  std::vector<float> scale, bias;
  std::vector<uint8_t> residual;
  ByteEpilogue bytes;
  Epilogue epilogue;

  Finish(ByteStore kind, bool with_residual, int64_t rows, int64_t columns, uint32_t seed) : store(kind) {
    std::mt19937 random(seed);
    const auto size = static_cast<size_t>(columns + kColumnSlack);
    start.assign(size, 0);
    scale.assign(size, 0.0f);
    bias.assign(size, 0.0f);
    residual.resize(static_cast<size_t>(rows * columns));
    for (uint8_t& r : residual) r = static_cast<uint8_t>(random() >> 8);
    for (int64_t c = 0; c < columns; ++c) {
      start[static_cast<size_t>(c)] = static_cast<int32_t>(random() % 20001) - 10000;
      scale[static_cast<size_t>(c)] = static_cast<float>(random() % 1000 + 1) * 1e-6f;
      bias[static_cast<size_t>(c)] = static_cast<float>(random() % 2001) * 0.01f - 10.0f;
    }
    bytes.store = kind;
    bytes.scale = bytes.folded_scale = scale.data();
    bytes.folded_bias = bias.data();
    bytes.folded = kind == ByteStore::kI8 || kind == ByteStore::kU8;
    bytes.zero = kind == ByteStore::kI8 ? -5 : 120;
    bytes.low = kind == ByteStore::kI8 ? -100 : 3;
    bytes.high = kind == ByteStore::kI8 ? 127 : 250;
    if (with_residual && bytes.folded) {
      bytes.residual = residual.data();
      bytes.residual_stride = columns;
      bytes.residual_scale = 0.37f;
      bytes.residual_unsigned = kind == ByteStore::kU8;
    }
    if (kind == ByteStore::kFloat) {
      epilogue.bias = bias.data();
      epilogue.activation = Activation::kRelu;
    }
  }

  int element_bytes() const { return byte_store_bytes(store); }

  // `sum` with start.
  void check(const Guarded& got, int64_t row, int64_t c, int64_t columns, int32_t sum, bool fused) const {
    const auto at = static_cast<size_t>(c);
    const int64_t i = row * columns + c;
    if (store == ByteStore::kSums) {
      ASSERT_EQ(got.as<int32_t>()[i], sum);
      return;
    }
    const auto s = static_cast<float>(sum);
    if (store == ByteStore::kFloat) {
      ASSERT_EQ(got.as<float>()[i], std::max(s * scale[at] + bias[at], 0.0f));
      return;
    }
    float v = fused ? std::fma(s, scale[at], bias[at]) : s * scale[at] + bias[at];
    if (bytes.residual != nullptr) {
      const auto r = static_cast<float>(static_cast<int8_t>(bytes.residual[i] ^ (bytes.residual_unsigned ? 0x80 : 0)));
      v = fused ? std::fma(r, bytes.residual_scale, v) : v + r * bytes.residual_scale;
    }
    const int want = static_cast<int>(std::clamp(std::nearbyint(v) + static_cast<float>(bytes.zero), static_cast<float>(bytes.low), static_cast<float>(bytes.high)));
    ASSERT_EQ(value_of(got.as<uint8_t>(), i, store == ByteStore::kI8), want);
  }
};

// Without start; `zero` stands for padding.
std::vector<int32_t> conv_sums(const ConvShape& s, const uint8_t* x, bool is_signed, int zero, const int8_t* w) {
  const int64_t in = s.channels / s.groups, out = s.out_channels / s.groups;
  std::vector<int32_t> sums;
  for (int64_t p = 0; p < s.batch * s.oh * s.ow; ++p) {
    const int64_t n = p / (s.oh * s.ow), oy = p / s.ow % s.oh, ox = p % s.ow;
    for (int64_t o = 0; o < s.out_channels; ++o) {
      int32_t sum = 0;
      for (int64_t tap = 0; tap < s.kh * s.kw; ++tap) {
        const int64_t y = oy * s.stride_h - s.pad_top + tap / s.kw * s.dilation_h, xx = ox * s.stride_w - s.pad_left + tap % s.kw * s.dilation_w;
        const bool inside = y >= 0 && y < s.h && xx >= 0 && xx < s.w;
        for (int64_t c = 0; c < in; ++c) {
          const int value = inside ? value_of(x, ((n * s.h + y) * s.w + xx) * s.channels + o / out * in + c, is_signed) : zero;
          sum += value * w[(o * in + c) * s.kh * s.kw + tap];
        }
      }
      sums.push_back(sum);
    }
  }
  return sums;
}

void check_conv(const Way& way, const ConvCase& t, bool is_signed, int zero, ByteStore store, bool residual, bool few_channels, int threads = 1) {
  SCOPED_TRACE(fmt::format("{} batch {} c {} oc {} h {} w {} k {}x{} stride {} pad {} dilation {} groups {} signed {} zero {} store {} few {}", way.name,
                           t.batch, t.channels, t.out_channels, t.h, t.w, t.kh, t.kw, t.stride, t.pad, t.dilation, t.groups, is_signed, zero,
                           static_cast<int>(store), few_channels));
  const ConvShape s = shape_of(t, 0, 0);
  const int64_t source_bytes = s.batch * s.h * s.w * s.channels, weight_count = s.out_channels * (s.channels / s.groups) * s.kh * s.kw;
  const int64_t pixels = s.batch * s.oh * s.ow;
  const Guarded source(source_bytes), weights(weight_count);
  fill_bytes(source, source_bytes, 1);
  fill_bytes(weights, weight_count, 2);
  const std::vector<int32_t> sums = conv_sums(s, source.as<uint8_t>(), is_signed, zero, weights.as<int8_t>());
  Finish finish(store, residual, pixels, s.out_channels, 3);
  const Guarded dst(pixels * s.out_channels * finish.element_bytes());
  const bool flips = is_signed && (few_channels || flips_source(way.table, is_signed));
  std::vector<int32_t> column_sums(static_cast<size_t>(s.out_channels)), start = finish.start;
  const Guarded packed(few_channels ? conv_bytes_few_channels_packed_bytes(s) : conv_bytes_packed_bytes(s));
  if (few_channels) conv_bytes_few_channels_pack(s, weights.as<int8_t>(), packed.as<int8_t>(), column_sums.data());
  else conv_bytes_pack(s, weights.as<int8_t>(), packed.as<int8_t>(), column_sums.data());
  for (size_t c = 0; c < column_sums.size() && flips; ++c) start[c] -= 128 * column_sums[c];
  finish.bytes.start = start.data();
  finish.epilogue.bytes = &finish.bytes;
  const ByteSource from{source.as<void>(), is_signed, static_cast<uint8_t>(flips ? zero + 128 : zero)};
  const auto team = make_thread_pool(threads);
  if (few_channels) {
    const GemmBlocking blocking = conv_bytes_few_channels_blocking(way.table, s);
    Workspace workspace(conv_bytes_few_channels_workspace_bytes(s, blocking, threads));
    const ImageStrides strides{s.h * s.w * s.channels, 1, s.w * s.channels, s.channels};
    conv_bytes_few_channels(way.table, s, blocking, from, strides, packed.as<int8_t>(), dst.as<void>(), finish.epilogue, *team, workspace.get());
  } else {
    const GemmBlocking blocking = conv_bytes_blocking(way.table, s);
    Workspace workspace(conv_bytes_workspace_bytes(s, blocking, flips, false, threads));
    conv_bytes(way.table, s, blocking, from, packed.as<int8_t>(), dst.as<void>(), finish.epilogue, *team, workspace.get());
  }
  for (int64_t i = 0; i < pixels * s.out_channels; ++i) {
    const int64_t c = i % s.out_channels;
    ASSERT_NO_FATAL_FAILURE(finish.check(dst, i / s.out_channels, c, s.out_channels, sums[static_cast<size_t>(i)] + finish.start[static_cast<size_t>(c)], way.fused))
        << "pixel " << i / s.out_channels << " channel " << c;
  }
}

TEST(ByteTiles, Convolution) {
  const ConvCase cases[] = {
      {1, 64, 64, 14, 14, 3, 3, 1, 1},  {1, 128, 32, 7, 7, 3, 3, 1, 1},   {2, 64, 70, 9, 17, 1, 1},          {1, 96, 24, 28, 28, 1, 1},
      {1, 96, 40, 9, 20, 3, 3, 1, 1},   {1, 24, 17, 11, 33, 3, 3, 2, 1},  {1, 32, 64, 16, 18, 3, 3, 1, 1},   {1, 33, 17, 10, 7, 3, 3, 2, 1},
      {2, 5, 19, 6, 9, 1, 1, 2},        {1, 130, 33, 5, 6, 3, 3, 1, 1},   {1, 8, 16, 13, 13, 3, 3, 1, 6, 6}, {1, 1, 1, 1, 1, 1, 1},
      {2, 12, 18, 6, 6, 3, 3, 1, 1, 1, 3}, {1, 64, 48, 4, 40, 3, 3, 2, 1}, {1, 67, 80, 3, 3, 2, 2, 1, 1},    {1, 320, 100, 7, 7, 1, 1},
      {1, 16, 16, 6, 70, 1, 7, 1, 3},   {3, 128, 128, 2, 2, 1, 1},        {1, 80, 20, 5, 5, 5, 5, 1, 4}, {1, 8, 16, 40, 1, 3, 3, 1, 1},    {1, 64, 16, 1, 65, 1, 1}};
  for (const Way& way : ways()) {
    for (const ConvCase& t : cases) {
      for (const bool is_signed : {false, true}) {
        check_conv(way, t, is_signed, 0, ByteStore::kSums, false, false);
        check_conv(way, t, is_signed, is_signed ? -77 : 200, ByteStore::kSums, false, false, 3);
        check_conv(way, t, is_signed, 0, ByteStore::kU8, true, false);
        check_conv(way, t, is_signed, is_signed ? 127 : 255, ByteStore::kI8, false, false);
      }
      check_conv(way, t, false, 3, ByteStore::kFloat, false, false);
    }
  }
  EXPECT_EQ(emulated_fault_count(), 0);
}

TEST(ByteTiles, FewChannels) {
  const ConvCase cases[] = {{1, 3, 64, 30, 31, 7, 7, 2, 3}, {2, 3, 32, 21, 40, 3, 3, 2, 1}, {1, 1, 17, 12, 12, 5, 5, 1, 2},
                            {1, 16, 24, 9, 35, 3, 3, 1, 1}, {1, 3, 24, 32, 32, 16, 16, 16}, {1, 13, 130, 6, 6, 5, 5, 1, 2}};
  for (const Way& way : ways()) {
    for (const ConvCase& t : cases) {
      for (const bool is_signed : {false, true}) {
        check_conv(way, t, is_signed, is_signed ? -128 : 9, ByteStore::kSums, false, true, 2);
        check_conv(way, t, is_signed, 0, ByteStore::kU8, false, true);
      }
    }
  }
  EXPECT_EQ(emulated_fault_count(), 0);
}

struct MatmulCase {
  int64_t batch, m, n, k;
};

void check_matmul(const Way& way, const MatmulCase& t, bool is_signed, int zero, bool weight_zero, bool ahead, ByteStore store, int threads) {
  SCOPED_TRACE(fmt::format("{} batch {} m {} n {} k {} signed {} zero {} weight_zero {} ahead {} store {}", way.name, t.batch, t.m, t.n, t.k, is_signed, zero,
                           weight_zero, ahead, static_cast<int>(store)));
  const int64_t rows = t.batch * t.m;
  const Guarded a(rows * t.k), b(t.batch * t.k * t.n);
  fill_bytes(a, rows * t.k, 5);
  fill_bytes(b, t.batch * t.k * t.n, 6);
  Finish finish(store, false, rows, t.n, 7);
  const Guarded c(rows * t.n * finish.element_bytes());
  MatmulShape s;
  s.batch = t.batch, s.m = t.m, s.n = t.n, s.k = t.k, s.a_stride = t.k, s.c_stride = t.n;
  s.a_batch_stride = t.m * t.k, s.b_batch_stride = t.k * t.n, s.c_batch_stride = t.m * t.n;
  const int64_t packed_bytes = matmul_bytes_packed_bytes(t.n, t.k), sum_count = matmul_bytes_sums(t.n);
  const Guarded packed(packed_bytes * t.batch), sums(sum_count * t.batch * 4);
  ByteRight right;
  if (ahead) {
    for (int64_t i = 0; i < t.batch; ++i) {
      matmul_bytes_pack(way.table, t.n, t.k, b.as<uint8_t>() + i * t.k * t.n, false, packed.as<int8_t>() + i * packed_bytes, sums.as<int32_t>() + i * sum_count);
    }
    right.packed = packed.as<int8_t>();
    right.sums = sums.as<int32_t>();
  } else {
    right.plain = b.as<uint8_t>();
  }
  const bool flips = flips_source(way.table, is_signed);
  const int shifted = flips ? zero + 128 : zero;
  std::vector<int32_t> start = finish.start, zeros(start.size(), 0);
  for (int64_t j = 0; j < t.n && weight_zero; ++j) {
    zeros[static_cast<size_t>(j)] = static_cast<int32_t>(j % 7) - 3;
    start[static_cast<size_t>(j)] += static_cast<int32_t>(t.k) * shifted * zeros[static_cast<size_t>(j)];
  }
  finish.bytes.start = start.data();
  finish.bytes.weight_zero = weight_zero ? zeros.data() : nullptr;
  finish.bytes.folded = finish.bytes.folded && !weight_zero;
  finish.epilogue.bytes = &finish.bytes;
  const GemmBlocking blocking = matmul_bytes_blocking(way.table, s);
  const auto team = make_thread_pool(threads);
  Workspace workspace(matmul_bytes_workspace_bytes(s, blocking, flips, ahead, weight_zero, threads));
  const ByteSource source{a.as<void>(), is_signed, static_cast<uint8_t>(shifted)};
  matmul_bytes(way.table, s, blocking, source, right, c.as<void>(), finish.epilogue, *team, workspace.get());
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t j = 0; j < t.n; ++j) {
      int32_t sum = finish.start[static_cast<size_t>(j)];
      for (int64_t k = 0; k < t.k; ++k) {
        const int w = b.as<int8_t>()[(row / t.m * t.k + k) * t.n + j] - zeros[static_cast<size_t>(j)];
        sum += (value_of(a.as<uint8_t>(), row * t.k + k, is_signed) - zero) * w;
      }
      ASSERT_NO_FATAL_FAILURE(finish.check(c, row, j, t.n, sum, way.fused)) << "row " << row << " column " << j;
    }
  }
}

TEST(ByteTiles, Matmul) {
  const MatmulCase cases[] = {{1, 1, 1, 1},    {1, 1, 100, 256}, {1, 7, 33, 64},   {1, 16, 16, 63}, {1, 17, 65, 65}, {2, 31, 48, 128},
                              {1, 32, 32, 24}, {1, 33, 70, 200}, {3, 49, 20, 7},   {1, 64, 96, 320}, {2, 70, 15, 130}, {1, 128, 130, 67}};
  for (const Way& way : ways()) {
    for (const MatmulCase& t : cases) {
      for (const bool is_signed : {false, true}) {
        for (const bool ahead : {false, true}) {
          const int zero = is_signed ? -128 : 131;
          check_matmul(way, t, is_signed, zero, false, ahead, ByteStore::kSums, 1);
          check_matmul(way, t, is_signed, zero, true, ahead, ByteStore::kSums, 2);
          check_matmul(way, t, is_signed, 0, false, ahead, ByteStore::kU8, 1);
        }
      }
    }
  }
  EXPECT_EQ(emulated_fault_count(), 0);
}

// x * sigmoid(alpha * x) and the like, in double.
double activated(const Epilogue& e, double x) {
  const double alpha = e.alpha, beta = e.beta;
  switch (e.activation) {
    case Activation::kSilu: return x / (1 + std::exp(-alpha * x));
    case Activation::kSigmoid: return 1 / (1 + std::exp(-x));
    case Activation::kHardSwish: return x * std::clamp(alpha * x + beta, 0.0, 1.0);
    case Activation::kGeluErf: return x * 0.5 * std::erfc(-x * std::sqrt(0.5));
    case Activation::kGeluTanh: return x * 0.5 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    default: return x;
  }
}

struct ActivationCase {
  Activation kind;
  float alpha = 1, beta = 0;
  double lowest = -10, highest = 10;  // arguments; the results' range is that of the output
};

// 256 numbers a column between the bounds: at most one in a thousand is another than the double's, by one.
void check_activation(const Way& way, const ActivationCase& t, ByteStore store, int64_t columns) {
  SCOPED_TRACE(fmt::format("{} activation {} alpha {} to {} store {} columns {}", way.name, static_cast<int>(t.kind), t.alpha, t.highest, static_cast<int>(store), columns));
  Finish finish(store, false, 1, columns, 9);
  Epilogue& e = finish.epilogue;
  e.activation = t.kind, e.alpha = t.alpha, e.beta = t.beta, e.bias = finish.bias.data(), e.bytes = &finish.bytes;
  finish.bytes.folded = false;
  finish.bytes.multiplier = 200 / static_cast<float>(activated(e, t.highest));
  finish.bytes.start = finish.start.data();
  finish.bytes.zero -= 60;
  std::fill(finish.start.begin(), finish.start.end(), 0);
  for (int64_t j = 0; j < columns; ++j) {
    finish.scale[static_cast<size_t>(j)] = static_cast<float>((t.highest - t.lowest) / (256 + static_cast<double>(j) * 0.01));
    finish.bias[static_cast<size_t>(j)] = static_cast<float>(t.lowest + static_cast<double>(j) * 0.001);
  }
  const Guarded a(256), b(columns), c(256 * columns), packed(matmul_bytes_packed_bytes(columns, 1)), sums(matmul_bytes_sums(columns) * 4);
  for (int i = 0; i < 256; ++i) a.as<uint8_t>()[i] = static_cast<uint8_t>(i);
  std::memset(b.as<uint8_t>(), 1, static_cast<size_t>(columns));
  matmul_bytes_pack(way.table, columns, 1, b.as<uint8_t>(), false, packed.as<int8_t>(), sums.as<int32_t>());
  MatmulShape s;
  s.batch = 1, s.m = 256, s.n = columns, s.k = 1, s.a_stride = 1, s.c_stride = columns;
  const ByteRight right{packed.as<int8_t>(), sums.as<int32_t>(), nullptr, false};
  const GemmBlocking blocking = matmul_bytes_blocking(way.table, s);
  Workspace workspace(matmul_bytes_workspace_bytes(s, blocking, false, true, false, 1));
  matmul_bytes(way.table, s, blocking, {a.as<void>(), false, 0}, right, c.as<void>(), e, inline_team(), workspace.get());
  int64_t wrong = 0;
  for (int64_t i = 0; i < 256 * columns; ++i) {
    const auto j = static_cast<size_t>(i % columns);
    const double x = static_cast<double>(std::fma(static_cast<float>(i / columns), finish.scale[j], finish.bias[j]));
    const double value = std::nearbyint(activated(e, x) * static_cast<double>(finish.bytes.multiplier)) + finish.bytes.zero;
    const int want = static_cast<int>(std::clamp(value, static_cast<double>(finish.bytes.low), static_cast<double>(finish.bytes.high)));
    const int got = value_of(c.as<uint8_t>(), i, store == ByteStore::kI8);
    ASSERT_LE(std::abs(got - want), 1) << "argument " << x;
    wrong += got != want;
  }
  EXPECT_LE(wrong, 256 * columns / 1000);
}

TEST(ByteTiles, Activation) {
  const ActivationCase cases[] = {{Activation::kSilu},
                                  {Activation::kSilu, 1, 0, -25, 0.8},
                                  {Activation::kSilu, 1, 0, -30, 40},
                                  {Activation::kSilu, 1.702f},
                                  {Activation::kSigmoid},
                                  {Activation::kHardSwish, 1.0f / 6, 0.5f},
                                  {Activation::kGeluErf},
                                  {Activation::kGeluErf, 1, 0, -20, 1.5},
                                  {Activation::kGeluTanh},
                                  {Activation::kGeluTanh, 1, 0, -3, 30}};
  for (const Way& way : ways()) {
    for (const ActivationCase& t : cases) {
      for (const int64_t columns : {16, 24, 40, 64}) {
        check_activation(way, t, ByteStore::kU8, columns);
        check_activation(way, t, ByteStore::kI8, columns);
      }
    }
  }
  EXPECT_EQ(emulated_fault_count(), 0);
}

#if defined(__x86_64__)
TEST(ByteTiles, MatrixRegistersMultiplyFullStepsOnly) {
  if (!has_isa(Isa::kAvx512Vnni)) GTEST_SKIP() << "no AVX-512 VNNI";
  // 196 pixels by 64 columns: 7 tiles of 28 rows, 2 groups of columns, four products a step. Nine taps of 32 channels are 5 steps, not 9.
  const KernelTable table = emulated_amx_table();
  const ConvShape s = shape_of({1, 32, 64, 16, 16, 3, 3}, 0, 0);
  const Guarded source(s.h * s.w * s.channels), packed(conv_bytes_packed_bytes(s)), dst(s.oh * s.ow * s.out_channels * 4);
  Finish finish(ByteStore::kSums, false, 1, s.out_channels, 1);
  finish.bytes.start = finish.start.data();
  finish.epilogue.bytes = &finish.bytes;
  const GemmBlocking blocking = conv_bytes_blocking(table, s);
  Workspace workspace(conv_bytes_workspace_bytes(s, blocking, false, false, 1));
  const int64_t before = emulated_products;
  conv_bytes(table, s, blocking, {source.as<void>(), false, 0}, packed.as<int8_t>(), dst.as<void>(), finish.epilogue, inline_team(), workspace.get());
  EXPECT_EQ(emulated_products - before, 7 * 2 * 4 * 5);
}
#endif

}  // namespace
}  // namespace sinter::cpu
