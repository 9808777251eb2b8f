#include "cpu/kernels/conv_transpose.h"

#include <gtest/gtest.h>

#include "cpu_kernels/support.h"

namespace sinter::cpu {
namespace {

struct Case {
  int64_t batch, channels, out_channels, h, w, kernel, stride, pad, dilation = 1, groups = 1, extra = 0;
};

ConvShape shape_of(const Case& t) {
  ConvShape s;
  s.batch = t.batch, s.channels = t.channels, s.out_channels = t.out_channels, s.h = t.h, s.w = t.w;
  s.kh = s.kw = t.kernel, s.stride_h = s.stride_w = t.stride, s.pad_top = s.pad_left = t.pad;
  s.dilation_h = s.dilation_w = t.dilation, s.groups = t.groups;
  s.oh = std::max<int64_t>((t.h - 1) * t.stride + (t.kernel - 1) * t.dilation + 1 - 2 * t.pad + t.extra, 0);
  s.ow = std::max<int64_t>((t.w - 1) * t.stride + (t.kernel - 1) * t.dilation + 1 - 2 * t.pad + t.extra, 0);
  s.src_pixel_stride = t.channels + 1, s.dst_pixel_stride = t.out_channels + 2;
  return s;
}

struct Sums {
  std::vector<double> sum, magnitude;  // [pixel][channel]
};

Sums scatter(const ConvShape& s, const std::vector<float>& src, const std::vector<float>& weights) {
  const int64_t in = s.channels / s.groups, out = s.out_channels / s.groups;
  Sums sums{std::vector<double>(s.batch * s.oh * s.ow * s.out_channels),
            std::vector<double>(s.batch * s.oh * s.ow * s.out_channels, 2.0)};
  for (int64_t pixel = 0; pixel < s.batch * s.h * s.w; ++pixel) {
    const int64_t n = pixel / (s.h * s.w), sy = pixel / s.w % s.h, sx = pixel % s.w;
    for (int64_t tap = 0; tap < s.kh * s.kw; ++tap) {
      const int64_t y = sy * s.stride_h + tap / s.kw * s.dilation_h - s.pad_top;
      const int64_t x = sx * s.stride_w + tap % s.kw * s.dilation_w - s.pad_left;
      if (y < 0 || y >= s.oh || x < 0 || x >= s.ow) continue;
      for (int64_t c = 0; c < s.channels; ++c) {
        for (int64_t o = 0; o < out; ++o) {
          const double p = double(src[pixel * s.src_pixel_stride + c]) * weights[(c * out + o) * s.kh * s.kw + tap];
          const int64_t at = ((n * s.oh + y) * s.ow + x) * s.out_channels + c / in * out + o;
          sums.sum[at] += p, sums.magnitude[at] += std::abs(p);
        }
      }
    }
  }
  return sums;
}

void check(const KernelTable& table, const Case& t, const Epilogue& e, int threads) {
  const ConvShape s = shape_of(t);
  SCOPED_TRACE(fmt::format("{} batch {} c {} oc {} h {} w {} k {} stride {} pad {} dilation {} groups {}",
                           isa_name(table.isa), t.batch, t.channels, t.out_channels, t.h, t.w, t.kernel, t.stride,
                           t.pad, t.dilation, t.groups));
  const auto src = random_floats(s.batch * s.h * s.w * s.src_pixel_stride, 1);
  const auto weights = random_floats(s.channels * (s.out_channels / s.groups) * s.kh * s.kw, 2);
  std::vector<float> dst(s.batch * s.oh * s.ow * s.dst_pixel_stride, 77.0f), packed(conv_transpose_packed_floats(s));
  conv_transpose_pack_weights(s, weights.data(), packed.data());
  const GemmBlocking blocking = conv_transpose_blocking(table, s);
  Workspace workspace(conv_transpose_workspace_bytes(s, blocking, threads));
  const auto team = make_thread_pool(threads);
  conv_transpose(table, s, blocking, src.data(), packed.data(), dst.data(), e, *team, workspace.get());
  const Sums sums = scatter(s, src, weights);
  for (int64_t pixel = 0; pixel < s.batch * s.oh * s.ow; ++pixel) {
    for (int64_t o = 0; o < s.out_channels; ++o) {
      const double want = naive_epilogue(e, sums.sum[pixel * s.out_channels + o], pixel, o);
      const double bound = 1.2 * sum_bound(s.kh * s.kw * s.channels, sums.magnitude[pixel * s.out_channels + o], want);
      ASSERT_NEAR(dst[pixel * s.dst_pixel_stride + o], want, bound) << "pixel " << pixel << " channel " << o;
    }
    ASSERT_EQ(dst[pixel * s.dst_pixel_stride + s.out_channels], 77.0f) << "written outside";
  }
}

TEST(ConvTranspose, Shapes) {
  const Case cases[] = {{1, 8, 16, 7, 5, 2, 2, 0},       {2, 5, 19, 6, 4, 3, 2, 1, 1, 1, 1}, {1, 20, 33, 5, 5, 4, 2, 1},
                        {1, 6, 6, 5, 4, 3, 1, 1, 1, 3},  {1, 3, 4, 4, 4, 3, 2, 2, 2},        {1, 4, 8, 3, 3, 2, 3, 0},
                        {1, 1, 1, 1, 1, 1, 1, 0},        {1, 16, 21, 8, 8, 16, 8, 4},        {0, 3, 2, 4, 4, 2, 2, 0},
                        {1, 2, 2, 2, 2, 1, 4, 0, 1, 1, 3}};
  for (const KernelTable* table : all_tables()) {
    for (const Case& t : cases) {
      for (int threads : {1, 3}) check(*table, t, Epilogue{}, threads);
    }
  }
}

TEST(ConvTranspose, Epilogues) {
  const auto bias = random_floats(20, 3), residual = random_floats(10 * 12 * 21, 4);
  for (const KernelTable* table : all_tables()) {
    for (Activation kind : {Activation::kNone, Activation::kRelu, Activation::kSilu}) {
      Epilogue e = with_activation(kind);
      e.bias = bias.data();
      e.residual = residual.data(), e.residual_stride = 21;
      check(*table, {1, 7, 20, 5, 6, 2, 2, 0}, e, 2);
      e.residual_after_activation = true;
      check(*table, {1, 7, 20, 5, 6, 2, 2, 0}, e, 1);
    }
  }
}

TEST(ConvTranspose, PostGetsOutputPixels) {
  const ConvShape s = shape_of({1, 4, 18, 3, 4, 2, 2, 0});
  const auto src = random_floats(s.h * s.w * s.src_pixel_stride, 1), weights = random_floats(4 * 18 * 4, 2);
  std::vector<float> dst(s.oh * s.ow * s.dst_pixel_stride), packed(conv_transpose_packed_floats(s));
  conv_transpose_pack_weights(s, weights.data(), packed.data());
  const KernelTable& table = kernel_table();
  const GemmBlocking blocking = conv_transpose_blocking(table, s);
  Workspace workspace(conv_transpose_workspace_bytes(s, blocking, 1));
  std::vector<int> seen(s.oh * s.ow * 18);
  Epilogue e;
  e.post_ctx = seen.data();
  e.post = [](void* ctx, float*, int64_t row, int64_t col, int n) {
    for (int i = 0; i < n; ++i) ++static_cast<int*>(ctx)[row * 18 + col + i];
  };
  conv_transpose(table, s, blocking, src.data(), packed.data(), dst.data(), e, inline_team(), workspace.get());
  for (int count : seen) ASSERT_EQ(count, 1);
}

}  // namespace
}  // namespace sinter::cpu
