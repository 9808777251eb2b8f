// Convolution by Winograd's filtering beside sums in double precision. Its error is bounded in terms of the sums of magnitudes of the
// whole tile, not of the output's own products, so it is compared in the norm, and beside the direct kernel's.
#include "cpu/kernels/winograd.h"

#include <gtest/gtest.h>

#include "cpu_kernels/support.h"

namespace sinter::cpu {
namespace {

struct Case {
  int64_t batch, channels, out_channels, h, w, pad = 1, dilation = 1, extra_right = 0;
};

ConvShape shape_of(const Case& t) {
  ConvShape s;
  s.batch = t.batch, s.channels = t.channels, s.out_channels = t.out_channels, s.h = t.h, s.w = t.w;
  s.kh = s.kw = 3, s.pad_top = s.pad_left = t.pad, s.dilation_h = s.dilation_w = t.dilation;
  s.oh = std::max<int64_t>(t.h + 2 * t.pad - 2 * t.dilation, 0);
  s.ow = std::max<int64_t>(t.w + 2 * t.pad + t.extra_right - 2 * t.dilation, 0);
  s.src_pixel_stride = t.channels + 2, s.dst_pixel_stride = t.out_channels + 3;
  return s;
}

std::vector<double> exact_sums(const ConvShape& s, const std::vector<float>& src, const std::vector<float>& weights) {
  std::vector<double> sums(s.batch * s.oh * s.ow * s.out_channels);
  for (int64_t pixel = 0; pixel < s.batch * s.oh * s.ow; ++pixel) {
    const int64_t n = pixel / (s.oh * s.ow), oy = pixel / s.ow % s.oh, ox = pixel % s.ow;
    for (int64_t tap = 0; tap < 9; ++tap) {
      const int64_t y = oy - s.pad_top + tap / 3 * s.dilation_h, x = ox - s.pad_left + tap % 3 * s.dilation_w;
      if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
      for (int64_t o = 0; o < s.out_channels; ++o) {
        for (int64_t c = 0; c < s.channels; ++c) {
          sums[pixel * s.out_channels + o] +=
              double(src[((n * s.h + y) * s.w + x) * s.src_pixel_stride + c]) * weights[(o * s.channels + c) * 9 + tap];
        }
      }
    }
  }
  return sums;
}

std::vector<float> run(const KernelTable& table, const ConvShape& s, WinogradForm form, const std::vector<float>& src,
                       const std::vector<float>& weights, const Epilogue& e, int threads, WinogradBlocking blocking = {0, 0}) {
  const auto team = make_thread_pool(threads);
  std::vector<float> packed(winograd_packed_floats(s, form));
  winograd_pack_weights(s, form, weights.data(), packed.data());
  if (blocking.tiles == 0) blocking = winograd_blocking(table, s, form, threads);
  Workspace workspace(winograd_workspace_bytes(s, form, blocking, threads));
  std::vector<float> dst(s.batch * s.oh * s.ow * s.dst_pixel_stride, 77.0f);
  conv_winograd(table, s, form, blocking, src.data(), packed.data(), dst.data(), e, *team, workspace.get());
  return dst;
}

// |error| / |exact| over all outputs; fails on values outside them that were written.
double relative_error(const ConvShape& s, const Epilogue& e, const std::vector<double>& sums, const std::vector<float>& dst) {
  double error = 0, norm = 0;
  for (int64_t pixel = 0; pixel < s.batch * s.oh * s.ow; ++pixel) {
    for (int64_t o = 0; o < s.dst_pixel_stride; ++o) {
      const float got = dst[pixel * s.dst_pixel_stride + o];
      if (o >= s.out_channels) {
        EXPECT_EQ(got, 77.0f) << "written outside";
        continue;
      }
      const double want = naive_epilogue(e, sums[pixel * s.out_channels + o], pixel, o);
      error += (got - want) * (got - want), norm += want * want;
    }
  }
  return norm == 0 ? error : std::sqrt(error / norm);
}

constexpr WinogradForm kForms[] = {WinogradForm::k2, WinogradForm::k4};

void check(const KernelTable& table, const Case& t, const Epilogue& e, int threads = 1, WinogradBlocking blocking = {0, 0}) {
  const ConvShape s = shape_of(t);
  const auto src = random_floats(s.batch * s.h * s.w * s.src_pixel_stride, 1), weights = random_floats(s.out_channels * s.channels * 9, 2);
  const auto sums = exact_sums(s, src, weights);
  for (const WinogradForm form : kForms) {
    const auto dst = run(table, s, form, src, weights, e, threads, blocking);
    ASSERT_LT(relative_error(s, e, sums, dst), 2e-6)
        << isa_name(table.isa) << " F(" << winograd_outputs(form) << ",3) batch " << t.batch << " c " << t.channels << " oc " << t.out_channels
        << " h " << t.h << " w " << t.w << " pad " << t.pad << " dilation " << t.dilation << " threads " << threads;
  }
}

TEST(Winograd, EveryEdgeOfATile) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t h = 1; h <= 9; ++h) {
      for (int64_t w : {1, 2, 4, 5, 7}) check(*table, {1, 9, 10, h, w}, Epilogue{});
    }
    for (int64_t pad : {0, 1, 2, 5}) check(*table, {2, 17, 18, 11, 10, pad}, Epilogue{});
    check(*table, {1, 8, 16, 9, 12, 1, 1, 3}, Epilogue{});
    check(*table, {0, 8, 16, 9, 12}, Epilogue{});
    check(*table, {1, 8, 8, 2, 2, 0}, Epilogue{});
  }
}

TEST(Winograd, Channels) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t c : {1, 3, 8, 16, 20, 32, 33, 64}) {
      for (int64_t o : {1, 15, 16, 17, 32, 40, 49, 65}) check(*table, {1, c, o, 7, 9}, Epilogue{}, o % 3 + 1);
    }
  }
}

TEST(Winograd, Dilation) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t dilation : {2, 3, 4, 7, 12}) {
      check(*table, {2, 12, 20, 13, 10, dilation, dilation}, Epilogue{}, 2);
      check(*table, {1, 12, 20, 16, 30, 1, dilation}, Epilogue{});
    }
  }
}

TEST(Winograd, AnyBlocking) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t tiles : {1, 3, 16, 100}) {
      for (int64_t panels : {1, 2, 3, 5}) check(*table, {2, 24, 80, 13, 14}, Epilogue{}, 1, {tiles, panels});
    }
  }
}

TEST(Winograd, Epilogues) {
  const auto bias = random_floats(48, 3), residual = random_floats(7 * 6 * 40, 4);
  for (const KernelTable* table : all_tables()) {
    for (int kind = 0; kind < kActivationCount; ++kind) {
      for (int variant = 0; variant < 6; ++variant) {
        Epilogue e = with_activation(static_cast<Activation>(kind));
        if (e.activation == Activation::kExp) continue;
        if (variant & 1) e.bias = bias.data();
        if (variant >= 2) e.residual = residual.data(), e.residual_stride = 40;
        e.residual_after_activation = variant >= 4;
        check(*table, {1, 8, 38, 7, 6}, e);
        check(*table, {1, 8, 38, 7, 6, 2, 2}, e);
      }
    }
  }
}

struct Posted {
  std::vector<int> calls;  // of each (row, column)
  int64_t columns;
  static void post(void* self, float* values, int64_t row, int64_t col, int n) {
    auto& posted = *static_cast<Posted*>(self);
    for (int i = 0; i < n; ++i) values[i] *= 2, ++posted.calls[row * posted.columns + col + i];
  }
};

TEST(Winograd, PostSeesEveryOutputOnce) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t dilation : {1, 2}) {
      const ConvShape s = shape_of({1, 8, 37, 6, 7, dilation, dilation});
      const auto src = random_floats(s.h * s.w * s.src_pixel_stride, 1), weights = random_floats(37 * 8 * 9, 2);
      for (const WinogradForm form : kForms) {
        const auto plain = run(*table, s, form, src, weights, Epilogue{}, 1);
        Posted posted{std::vector<int>(s.oh * s.ow * 37), 37};
        Epilogue e;
        e.post = &Posted::post, e.post_ctx = &posted;
        const auto doubled = run(*table, s, form, src, weights, e, 1);
        for (int calls : posted.calls) ASSERT_EQ(calls, 1);
        for (int64_t pixel = 0; pixel < s.oh * s.ow; ++pixel) {
          for (int64_t o = 0; o < 37; ++o) {
            const int64_t at = pixel * s.dst_pixel_stride + o;
            ASSERT_EQ(doubled[at], 2 * plain[at]);
          }
        }
      }
    }
  }
}

// Activations after a ReLU, filters of both signs: the case of a network. The direct kernel's error is the measure.
TEST(Winograd, ErrorBesideTheDirectSum) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t c : {64, 256}) {
      ConvShape s = shape_of({1, c, 32, 12, 12});
      auto src = random_floats(s.h * s.w * s.src_pixel_stride, 1);
      for (float& x : src) x = std::max(x, 0.0f);
      const auto weights = random_floats(32 * c * 9, 2);
      const auto sums = exact_sums(s, src, weights);
      std::vector<float> packed(conv_packed_floats(s)), direct(s.oh * s.ow * s.dst_pixel_stride, 77.0f);
      conv_pack_weights(s, weights.data(), packed.data());
      const GemmBlocking blocking = conv_blocking(*table, s);
      Workspace workspace(conv_workspace_bytes(s, blocking, 1));
      conv(*table, s, blocking, src.data(), packed.data(), direct.data(), Epilogue{}, *make_thread_pool(1), workspace.get());
      const double of_direct = relative_error(s, Epilogue{}, sums, direct);
      EXPECT_LT(relative_error(s, Epilogue{}, sums, run(*table, s, WinogradForm::k2, src, weights, Epilogue{}, 1)), 1.2 * of_direct);
      EXPECT_LT(relative_error(s, Epilogue{}, sums, run(*table, s, WinogradForm::k4, src, weights, Epilogue{}, 1)), 4 * of_direct);
    }
  }
}

TEST(Winograd, NanReachesItsWindowAndNoOtherTile) {
  for (const KernelTable* table : all_tables()) {
    const ConvShape s = shape_of({1, 8, 8, 16, 16});
    auto src = random_floats(s.h * s.w * s.src_pixel_stride, 1);
    src[(8 * 16 + 8) * s.src_pixel_stride + 3] = std::numeric_limits<float>::quiet_NaN();
    const auto weights = random_floats(8 * 8 * 9, 2);
    for (const WinogradForm form : kForms) {
      const auto dst = run(*table, s, form, src, weights, with_activation(Activation::kRelu), 1);
      const int64_t m = winograd_outputs(form);
      for (int64_t p = 0; p < 256; ++p) {
        const int64_t y = p / 16, x = p % 16;
        const bool near = std::abs(y - 8) <= 1 && std::abs(x - 8) <= 1;
        const bool tile = y / m * m - 1 <= 8 && 8 <= y / m * m + m && x / m * m - 1 <= 8 && 8 <= x / m * m + m;
        const bool nan = std::isnan(dst[p * s.dst_pixel_stride]);
        ASSERT_TRUE(!near || nan) << y << ' ' << x;
        ASSERT_TRUE(tile || !nan) << y << ' ' << x;
      }
    }
  }
}

}  // namespace
}  // namespace sinter::cpu
