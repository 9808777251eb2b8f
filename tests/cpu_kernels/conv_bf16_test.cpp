// Products of f32 by bf16, over AMX where the machine has it and over emulated registers: errors are within the stated bound of an exact sum, on operands
// chosen to hurt, and infinities and NaN are where f32 has them.
#include "cpu/kernels/conv_bf16.h"

#include <gtest/gtest.h>

#include <array>

#include "cpu/kernels/bf16.h"
#include "cpu_kernels/conv_case.h"
#include "cpu_kernels/emulated_amx.h"
#include "cpu_kernels/support.h"

namespace sinter::cpu {
namespace {

struct Way {
  std::string name;
  KernelTable table;
};

const std::vector<Way>& ways() {
  static const std::vector<Way> all = [] {
    std::vector<Way> result;
    if (has_isa(Isa::kAmx)) result.push_back({"amx", kernel_table(Isa::kAmx)});
#if defined(__x86_64__)
    if (has_isa(Isa::kAvx512Vnni)) result.push_back({"amx_emulated", emulated_amx_table()});
#endif
    return result;
  }();
  return all;
}

using Fill = std::vector<float> (*)(int64_t count, uint32_t seed);

std::vector<float> wide_range(int64_t count, uint32_t seed) {
  std::vector<float> values = random_floats(count, seed);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::ldexp(values[i], static_cast<int>(i * 7 % 41) - 20);
  return values;
}
// Sums that are small beside their terms.
std::vector<float> cancelling(int64_t count, uint32_t seed) {
  std::vector<float> values = random_floats(count, seed);
  for (size_t i = 0; i < values.size(); ++i) values[i] = (i % 2 == 0 ? 1000.0f : -1000.0f) + values[i];
  return values;
}
std::vector<float> tiny(int64_t count, uint32_t seed) {
  std::vector<float> values = random_floats(count, seed);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::ldexp(values[i], -static_cast<int>(i * 5 % 30) - 112);
  return values;
}

double activated(const Epilogue& e, double sum, int64_t pixel, int64_t o) {
  if (e.bias != nullptr) sum += e.bias[o];
  if (e.residual != nullptr && !e.residual_after_activation) sum += e.residual[pixel * e.residual_stride + o];
  sum = naive_activation(e.activation, sum, e.alpha, e.beta);
  if (e.residual != nullptr && e.residual_after_activation) sum += e.residual[pixel * e.residual_stride + o];
  return sum;
}

void run(const Way& way, const ConvShape& s, int terms, const std::vector<float>& src, const std::vector<float>& weights, std::vector<float>& dst,
         const Epilogue& e, int threads) {
  ASSERT_TRUE(conv_bf16_supports(s));
  const auto team = make_thread_pool(threads);
  std::vector<uint16_t> packed(static_cast<size_t>(conv_bf16_packed_count(s, terms)));
  conv_bf16_pack(s, terms, weights.data(), packed.data());
  const GemmBlocking blocking = conv_bf16_blocking(way.table, s, terms);
  Workspace workspace(conv_bf16_workspace_bytes(s, blocking, terms, threads));
  conv_bf16(way.table, s, blocking, terms, src.data(), packed.data(), dst.data(), e, *team, workspace.get());
}

// Calls fn(pixel, o, terms of the sum), each a pair of source and weight.
template <typename Fn>
void for_each_sum(const ConvShape& s, const std::vector<float>& src, const std::vector<float>& weights, Fn fn) {
  const int64_t in = s.channels / s.groups, out = s.out_channels / s.groups;
  std::vector<std::pair<float, float>> terms;
  for (int64_t pixel = 0; pixel < s.batch * s.oh * s.ow; ++pixel) {
    const int64_t n = pixel / (s.oh * s.ow), oy = pixel / s.ow % s.oh, ox = pixel % s.ow;
    for (int64_t o = 0; o < s.out_channels; ++o) {
      terms.clear();
      for (int64_t tap = 0; tap < s.kh * s.kw; ++tap) {
        const int64_t y = oy * s.stride_h - s.pad_top + tap / s.kw * s.dilation_h, x = ox * s.stride_w - s.pad_left + tap % s.kw * s.dilation_w;
        if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
        for (int64_t c = 0; c < in; ++c) {
          terms.emplace_back(src[static_cast<size_t>(((n * s.h + y) * s.w + x) * s.src_pixel_stride + o / out * in + c)],
                             weights[static_cast<size_t>((o * in + c) * s.kh * s.kw + tap)]);
        }
      }
      fn(pixel, o, terms);
    }
  }
}

void check(const Way& way, const ConvCase& t, int terms, Fill source, Fill filter, const Epilogue& e, int threads = 1) {
  const ConvShape s = shape_of(t, 1, 3);
  SCOPED_TRACE(fmt::format("{} terms {} batch {} c {} oc {} h {} w {} k {}x{} stride {} pad {} dilation {} groups {}", way.name, terms, t.batch, t.channels,
                           t.out_channels, t.h, t.w, t.kh, t.kw, t.stride, t.pad, t.dilation, t.groups));
  const auto src = source(s.batch * s.h * s.w * s.src_pixel_stride, 1);
  const auto weights = filter(s.out_channels * (s.channels / s.groups) * s.kh * s.kw, 2);
  std::vector<float> dst(static_cast<size_t>(s.batch * s.oh * s.ow * s.dst_pixel_stride), 77.0f);
  ASSERT_NO_FATAL_FAILURE(run(way, s, terms, src, weights, dst, e, threads));
  // Roundings of the operands, of the sums, and numbers that count as zero.
  const double share = terms == 3 ? 0x1p-15 : 0x1.02p-7;
  for_each_sum(s, src, weights, [&](int64_t pixel, int64_t o, const auto& products) {
    double sum = 0, size = 0, flushed = 0;
    for (const auto& [x, w] : products) {
      sum += static_cast<double>(x) * w;
      size += std::abs(static_cast<double>(x) * w);
      flushed += 0x1p-126 * (2 + std::abs(x) + std::abs(w));
    }
    const double rounding = 0x1p-23 * static_cast<double>(products.size() + 4) * (size + std::abs(activated(e, 0, pixel, o)));
    ASSERT_NEAR(dst[static_cast<size_t>(pixel * s.dst_pixel_stride + o)], activated(e, sum, pixel, o), 1.2 * (share * size + rounding + flushed) + 2e-7 * std::abs(activated(e, sum, pixel, o)))
        << "pixel " << pixel << " channel " << o;
  });
  for (int64_t i = 0; i < s.batch * s.oh * s.ow; ++i) ASSERT_EQ(dst[static_cast<size_t>(i * s.dst_pixel_stride + s.out_channels)], 77.0f);
}

const std::array kCases = std::to_array<ConvCase>({{1, 64, 64, 14, 14, 3, 3, 1, 1}, {1, 128, 32, 7, 7, 3, 3, 1, 1}, {2, 64, 70, 9, 17, 1, 1},
                                               {1, 24, 17, 11, 33, 3, 3, 2, 1}, {1, 33, 17, 10, 7, 3, 3, 2, 1},   {2, 5, 19, 6, 9, 1, 1, 2},
                                               {1, 130, 33, 5, 6, 3, 3, 1, 1},  {1, 8, 16, 13, 13, 3, 3, 1, 6, 6}, {1, 1, 1, 1, 1, 1, 1},
                                               {2, 12, 18, 6, 6, 3, 3, 1, 1, 1, 3}, {1, 67, 80, 3, 3, 2, 2, 1, 1}, {1, 320, 100, 7, 7, 1, 1},
                                               {1, 16, 16, 6, 70, 1, 7, 1, 3},  {3, 128, 128, 2, 2, 1, 1},         {1, 64, 40, 9, 9, 1, 1, 2},
                                               {1, 32, 24, 8, 8, 3, 3, 1, 1},   {1, 3, 24, 12, 12, 5, 5, 2, 2}});

TEST(ConvBf16, ErrorsAreWithinTheBound) {
  if (ways().empty()) GTEST_SKIP() << "neither AMX nor AVX-512 VNNI, which the emulated registers are for";
  for (const Way& way : ways()) {
    for (const ConvCase& t : kCases) {
      for (const int terms : {3, 1}) {
        check(way, t, terms, &random_floats, &random_floats, {});
        check(way, t, terms, &wide_range, &wide_range, {}, 2);
        check(way, t, terms, &cancelling, &random_floats, {});
        check(way, t, terms, &tiny, &random_floats, {});
      }
    }
  }
#if defined(__x86_64__)
  EXPECT_EQ(emulated_faults, 0);
#endif
}

TEST(ConvBf16, Epilogues) {
  if (ways().empty()) GTEST_SKIP() << "neither AMX nor AVX-512 VNNI, which the emulated registers are for";
  const ConvCase t{2, 48, 37, 9, 11, 3, 3, 1, 1};
  const ConvShape s = shape_of(t, 1, 3);
  const auto bias = random_floats(s.out_channels + 16, 5), residual = random_floats(s.batch * s.oh * s.ow * s.out_channels, 6);
  for (const Way& way : ways()) {
    for (const Activation activation : {Activation::kNone, Activation::kRelu, Activation::kClip}) {
      for (const bool after : {false, true}) {
        Epilogue e;
        e.bias = bias.data();
        e.activation = activation;
        e.alpha = -0.5f;
        e.beta = 0.5f;
        e.residual = residual.data();
        e.residual_stride = s.out_channels;
        e.residual_after_activation = after;
        check(way, t, 3, &random_floats, &random_floats, e, 2);
      }
    }
    Epilogue silu;
    silu.bias = bias.data();
    silu.activation = Activation::kSilu;
    check(way, t, 3, &random_floats, &random_floats, silu);
  }
}

// Where f32 gives an infinity or NaN, or all terms are finite and none overflows.
TEST(ConvBf16, InfinitiesAndNan) {
  if (ways().empty()) GTEST_SKIP() << "neither AMX nor AVX-512 VNNI, which the emulated registers are for";
  constexpr float kInf = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN(), kMax = std::numeric_limits<float>::max();
  const ConvCase t{1, 40, 20, 6, 7, 3, 3, 1, 1};
  const ConvShape s = shape_of(t, 1, 3);
  for (const Way& way : ways()) {
    for (const auto& [in_source, in_weights] : {std::pair{kInf, 1.0f}, {-kInf, 1.0f}, {kNan, 1.0f}, {1.0f, kInf}, {1.0f, kNan}, {kMax, 0.25f}, {-kMax, -1.0f}, {kInf, kInf}}) {
      SCOPED_TRACE(fmt::format("{}: {} in the source, {} in the weights", way.name, in_source, in_weights));
      auto src = random_floats(s.batch * s.h * s.w * s.src_pixel_stride, 1), weights = random_floats(s.out_channels * s.channels * 9, 2);
      src[static_cast<size_t>(3 * s.src_pixel_stride + 11)] = in_source;
      src[static_cast<size_t>(20 * s.src_pixel_stride)] = in_source;
      for (size_t i = 0; i < weights.size(); i += 5) weights[i] = std::nearbyint(weights[i] * 4);  // zero low parts, and zeros
      weights[static_cast<size_t>((7 * s.channels + 3) * 9 + 4)] = in_weights;
      std::vector<float> dst(static_cast<size_t>(s.batch * s.oh * s.ow * s.dst_pixel_stride));
      ASSERT_NO_FATAL_FAILURE(run(way, s, 3, src, weights, dst, {}, 1));
      for_each_sum(s, src, weights, [&](int64_t pixel, int64_t o, const auto& products) {
        float sum = 0;
        double size = 0;
        for (const auto& [x, w] : products) sum = std::fma(x, w, sum), size += std::abs(static_cast<double>(x) * w);
        const float got = dst[static_cast<size_t>(pixel * s.dst_pixel_stride + o)];
        if (std::isnan(sum)) ASSERT_TRUE(std::isnan(got)) << got << " at pixel " << pixel << " channel " << o;
        else if (std::isinf(sum)) ASSERT_EQ(got, sum) << "pixel " << pixel << " channel " << o;
        else ASSERT_NEAR(got, sum, 0x1p-14 * size + 1e-5) << "pixel " << pixel << " channel " << o;
      });
    }
  }
}

TEST(ConvBf16, SplitIsExactToSeventeenBits) {
  std::vector<float> values = wide_range(1000, 3);
  const float edges[] = {0.0f, -0.0f, std::numeric_limits<float>::max(), -std::numeric_limits<float>::max(), std::numeric_limits<float>::infinity(),
                         std::numeric_limits<float>::quiet_NaN(), 1.00390625f, 1.01171875f, 3.3961e38f};
  values.insert(values.end(), std::begin(edges), std::end(edges));
  for (const float value : values) {
    const uint16_t high = nearest_bf16(value), low = bf16_rest(value, high);
    if (!std::isfinite(value)) {
      EXPECT_EQ(std::isnan(bf16_to_float(high)), std::isnan(value));
      EXPECT_EQ(bf16_to_float(low), 0.0f);
      continue;
    }
    EXPECT_TRUE(std::isfinite(bf16_to_float(high))) << value;
    EXPECT_LE(std::abs(static_cast<double>(value) - bf16_to_float(high) - bf16_to_float(low)), 0x1p-16 * std::abs(value)) << value;
  }
  for (const Way& way : ways()) {
    std::vector<uint16_t> high(values.size()), low(values.size());
    for (const size_t count : {values.size(), size_t{7}, size_t{16}, size_t{33}}) {
      way.table.split_bf16(values.data(), static_cast<int64_t>(count), high.data(), low.data());
      for (size_t i = 0; i < count; ++i) {
        EXPECT_EQ(high[i], nearest_bf16(values[i])) << way.name << " " << values[i];
        EXPECT_EQ(low[i], bf16_rest(values[i], high[i])) << way.name << " " << values[i];
      }
    }
  }
}

TEST(ConvBf16, MatricesArePackedLikeFiltersOfOneTap) {
  const int64_t n = 37, k = 29;
  const auto b = random_floats(n * k, 8);
  std::vector<float> transposed(b.size());
  for (int64_t i = 0; i < k; ++i) {
    for (int64_t j = 0; j < n; ++j) transposed[static_cast<size_t>(j * k + i)] = b[static_cast<size_t>(i * n + j)];
  }
  const ConvShape s = shape_of({1, k, n, 1, 5, 1, 1}, 1, 3);
  for (const int terms : {1, 3}) {
    std::vector<uint16_t> wanted(static_cast<size_t>(conv_bf16_packed_count(s, terms))), rows(wanted.size(), 7), columns(wanted.size(), 7);
    conv_bf16_pack(s, terms, transposed.data(), wanted.data());
    matmul_bf16_pack(n, k, terms, b.data(), n, false, rows.data());
    matmul_bf16_pack(n, k, terms, transposed.data(), k, true, columns.data());
    EXPECT_EQ(rows, wanted);
    EXPECT_EQ(columns, wanted);
  }
}

}  // namespace
}  // namespace sinter::cpu
