#include "cpu/kernels/conv.h"

#include <gtest/gtest.h>

#include "cpu/kernels/depthwise.h"
#include "cpu_kernels/conv_case.h"
#include "cpu_kernels/support.h"

namespace sinter::cpu {
namespace {

enum class Method { kDirect, kFewChannels, kFewChannelsNchw, kDepthwise };

void run(const KernelTable& table, const ConvShape& s, Method method, const std::vector<float>& src,
         const std::vector<float>& weights, std::vector<float>& dst, const Epilogue& e, int threads) {
  const auto team = make_thread_pool(threads);
  if (method == Method::kDepthwise) {
    std::vector<float> packed(depthwise_packed_floats(s));
    depthwise_pack_weights(s, weights.data(), packed.data());
    depthwise(table, s, src.data(), packed.data(), dst.data(), e, *team);
    return;
  }
  std::vector<float> packed(conv_packed_floats(s));
  conv_pack_weights(s, weights.data(), packed.data());
  if (method == Method::kDirect) {
    const GemmBlocking blocking = conv_blocking(table, s);
    Workspace workspace(conv_workspace_bytes(s, blocking, threads));
    conv(table, s, blocking, src.data(), packed.data(), dst.data(), e, *team, workspace.get());
    return;
  }
  const GemmBlocking blocking = conv_few_channels_blocking(table, s);
  Workspace workspace(conv_few_channels_workspace_bytes(s, blocking, threads));
  ImageStrides strides{s.h * s.w * s.channels, 1, s.w * s.channels, s.channels};
  std::vector<float> planar(src.size());
  if (method == Method::kFewChannelsNchw) {
    for (int64_t n = 0; n < s.batch; ++n) {
      for (int64_t p = 0; p < s.h * s.w; ++p) {
        for (int64_t c = 0; c < s.channels; ++c) {
          planar[(n * s.channels + c) * s.h * s.w + p] = src[(n * s.h * s.w + p) * s.channels + c];
        }
      }
    }
    strides = {s.h * s.w * s.channels, s.h * s.w, s.w, 1};
  }
  conv_few_channels(table, s, blocking, method == Method::kFewChannels ? src.data() : planar.data(), strides,
                    packed.data(), dst.data(), e, *team, workspace.get());
}

void check(const KernelTable& table, const ConvCase& t, Method method, const Epilogue& e, int threads = 1) {
  const ConvShape s = shape_of(t, 0, 3);
  SCOPED_TRACE(fmt::format("{} method {} batch {} c {} oc {} h {} w {} k {}x{} stride {} pad {} dilation {} groups {}",
                           isa_name(table.isa), static_cast<int>(method), t.batch, t.channels, t.out_channels, t.h, t.w,
                           t.kh, t.kw, t.stride, t.pad, t.dilation, t.groups));
  const int64_t in = s.channels / s.groups, out = s.out_channels / s.groups;
  const auto src = random_floats(s.batch * s.h * s.w * s.channels, 1);
  const auto weights = random_floats(s.out_channels * in * s.kh * s.kw, 2);
  std::vector<float> dst(s.batch * s.oh * s.ow * s.dst_pixel_stride, 77.0f);
  run(table, s, method, src, weights, dst, e, threads);
  for (int64_t pixel = 0; pixel < s.batch * s.oh * s.ow; ++pixel) {
    const int64_t n = pixel / (s.oh * s.ow), oy = pixel / s.ow % s.oh, ox = pixel % s.ow;
    for (int64_t o = 0; o < s.out_channels; ++o) {
      double sum = 0, magnitude = 2;
      for (int64_t ky = 0; ky < s.kh; ++ky) {
        for (int64_t kx = 0; kx < s.kw; ++kx) {
          const int64_t y = oy * s.stride_h - s.pad_top + ky * s.dilation_h;
          const int64_t x = ox * s.stride_w - s.pad_left + kx * s.dilation_w;
          if (y < 0 || y >= s.h || x < 0 || x >= s.w) continue;
          for (int64_t c = 0; c < in; ++c) {
            const double p = double(src[((n * s.h + y) * s.w + x) * s.channels + o / out * in + c]) *
                             weights[((o * in + c) * s.kh + ky) * s.kw + kx];
            sum += p, magnitude += std::abs(p);
          }
        }
      }
      const double want = naive_epilogue(e, sum, pixel, o);
      ASSERT_NEAR(dst[pixel * s.dst_pixel_stride + o], want, 1.2 * sum_bound(in * s.kh * s.kw, magnitude, want))
          << "n " << n << " y " << oy << " x " << ox << " channel " << o;
    }
    for (int64_t o = s.out_channels; o < s.dst_pixel_stride; ++o) {
      ASSERT_EQ(dst[pixel * s.dst_pixel_stride + o], 77.0f) << "written outside";
    }
  }
}

TEST(Conv, Direct) {
  const ConvCase cases[] = {
      {1, 16, 32, 7, 7, 1, 1},          {2, 5, 19, 6, 9, 1, 1, 2},        {1, 20, 70, 9, 11, 3, 3, 1, 1},
      {1, 33, 17, 10, 7, 3, 3, 2, 1},   {1, 8, 16, 13, 13, 3, 3, 1, 6, 6}, {1, 4, 8, 15, 15, 5, 5, 3, 2},
      {2, 12, 18, 6, 6, 3, 3, 1, 1, 1, 3}, {1, 6, 6, 5, 5, 3, 3, 1, 1, 1, 6}, {1, 16, 20, 8, 8, 1, 7, 1, 3},
      {1, 1, 1, 1, 1, 1, 1},            {1, 3, 5, 2, 2, 3, 3, 1, 1},      {0, 3, 5, 2, 2, 3, 3, 1, 1},
      {1, 3, 5, 2, 2, 2, 2, 1, 3},      {3, 7, 50, 14, 3, 3, 3, 1, 1}};
  for (const KernelTable* table : all_tables()) {
    for (const ConvCase& t : cases) {
      for (int threads : {1, 3}) check(*table, t, Method::kDirect, Epilogue{}, threads);
    }
  }
}

TEST(Conv, FewChannels) {
  const ConvCase cases[] = {{1, 3, 64, 30, 31, 7, 7, 2, 3}, {2, 3, 32, 21, 20, 3, 3, 2, 1}, {1, 1, 17, 12, 12, 5, 5, 1, 2},
                        {1, 4, 8, 9, 9, 1, 1, 1},       {1, 2, 3, 3, 3, 3, 3, 1, 5},    {1, 3, 16, 300, 90, 3, 3, 1, 1},
                        {1, 3, 20, 20, 17, 3, 3, 2, 2, 2}, {1, 3, 24, 32, 32, 16, 16, 16}};
  for (const KernelTable* table : all_tables()) {
    for (const ConvCase& t : cases) {
      for (int threads : {1, 2}) {
        check(*table, t, Method::kFewChannels, Epilogue{}, threads);
        check(*table, t, Method::kFewChannelsNchw, Epilogue{}, threads);
      }
    }
  }
}

TEST(Conv, Depthwise) {
  for (const KernelTable* table : all_tables()) {
    for (int64_t c : {1, 8, 16, 17, 40, 72}) {
      for (int64_t k : {1, 3, 5, 7}) {
        for (int64_t stride : {1, 2, 3}) {
          for (int64_t w : {1, 2, 7, 15, 23}) {
            check(*table, {2, c, c, 7, w, k, k, stride, k / 2, 1, c}, Method::kDepthwise, Epilogue{}, w == 7 ? 2 : 1);
          }
        }
      }
      check(*table, {1, c, c, 13, 12, 3, 3, 1, 4, 4, c}, Method::kDepthwise, Epilogue{});
      check(*table, {1, c, c, 9, 9, 3, 3, 1, 5, 2, c}, Method::kDepthwise, Epilogue{}, 3);
    }
  }
}

TEST(Conv, Epilogues) {
  const auto bias = random_floats(48, 3), residual = random_floats(7 * 6 * 40, 4);
  for (const KernelTable* table : all_tables()) {
    for (int kind = 0; kind < kActivationCount; ++kind) {
      for (int variant = 0; variant < 6; ++variant) {
        Epilogue e = with_activation(static_cast<Activation>(kind));
        if (e.activation == Activation::kExp) continue;
        if (variant & 1) e.bias = bias.data();
        if (variant >= 2) e.residual = residual.data(), e.residual_stride = 40;
        e.residual_after_activation = variant >= 4;
        check(*table, {1, 8, 38, 7, 6, 3, 3, 1, 1}, Method::kDirect, e);
        check(*table, {1, 4, 36, 7, 6, 3, 3, 1, 1, 1, 2}, Method::kDirect, e);
        check(*table, {1, 3, 38, 7, 6, 3, 3, 1, 1}, Method::kFewChannels, e);
        check(*table, {1, 37, 37, 7, 6, 3, 3, 1, 1, 1, 37}, Method::kDepthwise, e);
      }
    }
  }
}

TEST(Conv, NanStaysInItsChannelAndWindow) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const KernelTable* table : all_tables()) {
    ConvShape s = shape_of({1, 20, 20, 7, 7, 3, 3, 1, 1, 1, 20}, 0, 3);
    auto src = random_floats(7 * 7 * 20, 1);
    src[(3 * 7 + 3) * 20 + 5] = nan;
    const auto weights = random_floats(20 * 9, 2);
    std::vector<float> dst(7 * 7 * s.dst_pixel_stride);
    run(*table, s, Method::kDepthwise, src, weights, dst, with_activation(Activation::kRelu), 1);
    for (int p = 0; p < 49; ++p) {
      const bool near = std::abs(p / 7 - 3) <= 1 && std::abs(p % 7 - 3) <= 1;
      for (int c = 0; c < 20; ++c) {
        ASSERT_EQ(std::isnan(dst[p * s.dst_pixel_stride + c]), near && c == 5) << isa_name(table->isa);
      }
    }
  }
}

}  // namespace
}  // namespace sinter::cpu
