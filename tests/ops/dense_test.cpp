// Convolutions and matrix products against direct sums over every index.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

const double kNan = std::nan("");

// Small integers with both signs and zeros: products and sums are exact in f32.
Tensor pattern(Dims dims, int seed = 0, DType dtype = DType::kF32) {
  std::vector<double> values;
  for (int64_t i = 0; i < product(dims); ++i) values.push_back(static_cast<double>((i * 37 + seed * 11) % 13 - 6));
  return typed(dtype, std::move(dims), values);
}

struct Conv2d {
  Dims x, w;
  int64_t group = 1;
  Dims strides{1, 1}, dilations{1, 1}, pads{0, 0, 0, 0};
};

int64_t windows(const Conv2d& c, int axis) {
  const int64_t extent = (c.w[axis + 2] - 1) * c.dilations[axis] + 1;
  return (c.x[axis + 2] + c.pads[axis] + c.pads[axis + 2] - extent) / c.strides[axis] + 1;
}

// The definition, index by index.
Tensor direct(const Conv2d& c, const Tensor& x, const Tensor& w, const Tensor& b) {
  const std::vector<double> xs = x.to_f64(), ws = w.to_f64(), bs = b.to_f64();
  const int64_t oh = windows(c, 0), ow = windows(c, 1), filters = c.w[0], channels = c.w[1];
  std::vector<double> y;
  for (int64_t n = 0; n < c.x[0]; ++n)
    for (int64_t m = 0; m < filters; ++m)
      for (int64_t i = 0; i < oh; ++i)
        for (int64_t j = 0; j < ow; ++j) {
          double sum = bs[m];
          for (int64_t k = 0; k < channels; ++k)
            for (int64_t p = 0; p < c.w[2]; ++p)
              for (int64_t q = 0; q < c.w[3]; ++q) {
                const int64_t row = i * c.strides[0] - c.pads[0] + p * c.dilations[0];
                const int64_t column = j * c.strides[1] - c.pads[1] + q * c.dilations[1];
                if (row < 0 || row >= c.x[2] || column < 0 || column >= c.x[3]) continue;
                const int64_t from = m / (filters / c.group) * channels + k;
                sum += xs[((n * c.x[1] + from) * c.x[2] + row) * c.x[3] + column] *
                       ws[((m * channels + k) * c.w[2] + p) * c.w[3] + q];
              }
          y.push_back(sum);
        }
  return f32({c.x[0], filters, oh, ow}, y);
}

TEST(Conv, AgreesWithTheDefinition) {
  const std::vector<Conv2d> cases{
      {{1, 3, 5, 7}, {4, 3, 3, 3}},
      {{2, 4, 6, 5}, {6, 2, 3, 2}, 2, {2, 1}, {1, 2}, {1, 0, 2, 3}},
      {{1, 5, 4, 4}, {5, 1, 3, 3}, 5, {1, 1}, {1, 1}, {1, 1, 1, 1}},
      {{1, 2, 7, 7}, {3, 2, 1, 1}, 1, {3, 3}},
      {{1, 1, 40, 40}, {5, 1, 2, 2}},
      {{0, 3, 5, 7}, {4, 3, 3, 3}},
  };
  for (const Conv2d& c : cases) {
    const Tensor x = pattern(c.x), w = pattern(c.w, 1), b = pattern({c.w[0]}, 2);
    OpRow row("Conv");
    row.attr("group", c.group).attr("strides", c.strides).attr("dilations", c.dilations).attr("pads", c.pads);
    row.input(x).input(w).input(b).expect(direct(c, x, w, b));
  }
}

TEST(Conv, AutoPadRanksAndTypes) {
  // SAME_UPPER puts the odd padding behind, SAME_LOWER before.
  const Tensor x = f32({1, 1, 4}, {1, 2, 3, 4}), w = f32({1, 1, 2}, {1, 10});
  const auto same = [&](const char* mode) {
    return OpRow("Conv").attr("auto_pad", std::string(mode)).input(x).input(w);
  };
  same("SAME_UPPER").expect(f32({1, 1, 4}, {21, 32, 43, 4}));
  same("SAME_LOWER").expect(f32({1, 1, 4}, {10, 21, 32, 43}));
  same("VALID").expect(f32({1, 1, 3}, {21, 32, 43}));
  same("SAME").expect_error("SAME_UPPER");
  OpRow("Conv")
      .input(pattern({1, 1, 2, 2, 2}))
      .input(f32({1, 1, 1, 1, 2}, {0, 2}))
      .expect(f32({1, 1, 2, 2, 1}, {10, 2, -6, 12}));
  OpRow("Conv").input(f32({1, 1, 2}, {kNan, 1})).input(f32({1, 1, 1}, {2})).expect(f32({1, 1, 2}, {kNan, 2}));
  // 3000 ones in f16 sum exactly only in a wide accumulator.
  OpRow("Conv")
      .input(typed(DType::kF16, {1, 3000, 1}, std::vector<double>(3000, 1)))
      .input(typed(DType::kF16, {1, 3000, 1}, std::vector<double>(3000, 1)))
      .expect(typed(DType::kF16, {1, 1, 1}, {3000}));
}

TEST(Conv, RefusesWhatDoesNotFit) {
  OpRow("Conv").input(pattern({1, 3, 4, 4})).input(pattern({2, 2, 3, 3})).expect_infer_error("must be 3");
  OpRow("Conv").input(pattern({1, 3, 4, 4})).input(pattern({2, 2, 3, 3})).expect_error("must be 3");
  OpRow("Conv").input(pattern({1, 3, 2, 2})).input(pattern({2, 3, 3, 3})).expect_error("too small");
  OpRow("Conv")
      .attr("group", int64_t{0})
      .input(pattern({1, 3, 4, 4}))
      .input(pattern({2, 3, 3, 3}))
      .expect_error("group");
  OpRow("Conv")
      .attr("strides", Dims{0, 1})
      .input(pattern({1, 3, 4, 4}))
      .input(pattern({2, 3, 3, 3}))
      .expect_error("strides");
  OpRow("Conv")
      .attr("pads", Dims{0, 0, -1, 0})
      .input(pattern({1, 3, 4, 4}))
      .input(pattern({2, 3, 3, 3}))
      .expect_error("pads");
  OpRow("Conv").input(pattern({1, 3, 4, 4})).input(pattern({2, 3, 3, 3})).input(pattern({3})).expect_error("[2]");
}

TEST(Conv, SymbolicShape) {
  Attributes a;
  a.set("group", int64_t{1});
  a.set("strides", Dims{2, 2});
  a.set("pads", Dims{1, 1, 1, 1});
  const auto out = infer_symbolic("Conv", a, {{"f32[n,3,h,w]", ""}, {"f32[8,3,3,3]", ""}});
  EXPECT_EQ(out[0].type, "f32[n,8,floordiv(h+1,2),floordiv(w+1,2)]");
}

TEST(ConvTranspose, SizesAndOverlap) {
  const Tensor x = f32({1, 1, 3}, {1, 2, 3}), w = f32({1, 1, 2}, {1, 10});
  OpRow("ConvTranspose").input(x).input(w).expect(f32({1, 1, 4}, {1, 12, 23, 30}));
  OpRow("ConvTranspose").attr("strides", Dims{2}).input(x).input(w).expect(f32({1, 1, 6}, {1, 10, 2, 20, 3, 30}));
  OpRow("ConvTranspose")
      .attr("strides", Dims{3})
      .attr("output_padding", Dims{1})
      .input(x)
      .input(w)
      .expect(f32({1, 1, 9}, {1, 10, 0, 2, 20, 0, 3, 30, 0}));
  OpRow("ConvTranspose").attr("pads", Dims{1, 0}).input(x).input(w).expect(f32({1, 1, 3}, {12, 23, 30}));
  OpRow("ConvTranspose")
      .attr("output_shape", Dims{3})
      .attr("auto_pad", std::string("SAME_UPPER"))
      .input(x)
      .input(w)
      .expect(f32({1, 1, 3}, {1, 12, 23}));
  OpRow("ConvTranspose").attr("output_shape", Dims{3}).input(x).input(w).expect(f32({1, 1, 3}, {12, 23, 30}));
  OpRow("ConvTranspose")
      .attr("dilations", Dims{2})
      .input(x)
      .input(w)
      .input(f32({1}, {100}))
      .expect(f32({1, 1, 5}, {101, 102, 113, 120, 130}));
  OpRow("ConvTranspose")
      .attr("group", int64_t{2})
      .input(f32({1, 2, 1}, {1, 2}))
      .input(f32({2, 2, 1}, {1, 2, 3, 4}))
      .expect(f32({1, 4, 1}, {1, 2, 6, 8}));
  OpRow("ConvTranspose").attr("pads", Dims{2, 2}).input(x).input(w).expect_error("padding");
}

TEST(MatMul, ShapesAsNumpy) {
  const Tensor a = f32({2, 3}, {1, 2, 3, 4, 5, 6}), v = f32({3}, {1, 0, -1});
  OpRow("MatMul").input(a).input(v).expect(f32({2}, {-2, -2}));
  OpRow("MatMul").input(f32({2}, {1, 2})).input(a).expect(f32({3}, {9, 12, 15}));
  OpRow("MatMul").input(v).input(v).expect(f32({}, {2}));
  OpRow("MatMul").input(pattern({2, 1, 2, 3})).input(pattern({4, 3, 1}, 1)).run();
  OpRow("MatMul").input(f32({2, 0}, {})).input(f32({0, 2}, {})).expect(f32({2, 2}, {0, 0, 0, 0}));
  OpRow("MatMul").input(f32({1, 2}, {kNan, 0})).input(f32({2, 1}, {0, 5})).expect(f32({1, 1}, {kNan}));
  OpRow("MatMul")
      .input(typed(DType::kI32, {1, 1}, {65536}))
      .input(typed(DType::kI32, {1, 1}, {65537}))
      .expect(typed(DType::kI32, {1, 1}, {65536}));
  OpRow("MatMul").input(a).input(a).expect_infer_error("[2,3] and [2,3]");
  OpRow("MatMul").input(a).input(f32({}, {1})).expect_error("ranks of at least 1");
}

TEST(MatMul, WidePanelsAgreeWithTheDefinition) {
  const int64_t m = 7, k = 33, n = 517;
  const Tensor a = pattern({m, k}), b = pattern({k, n}, 3);
  const std::vector<double> as = a.to_f64(), bs = b.to_f64();
  std::vector<double> y;
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) sum += as[i * k + p] * bs[p * n + j];
      y.push_back(sum);
    }
  OpRow("MatMul").input(a).input(b).expect(f32({m, n}, y));
}

TEST(Gemm, FactorsTransposesAndBias) {
  const Tensor a = f32({2, 3}, {1, 2, 3, 4, 5, 6}), b = f32({3, 1}, {1, 10, 100});
  OpRow("Gemm").input(a).input(b).expect(f32({2, 1}, {321, 654}));
  OpRow("Gemm")
      .attr("transA", int64_t{1})
      .attr("transB", int64_t{1})
      .input(f32({3, 2}, {1, 4, 2, 5, 3, 6}))
      .input(f32({1, 3}, {1, 10, 100}))
      .input(f32({}, {1}))
      .attr("beta", -1.0f)
      .attr("alpha", 2.0f)
      .expect(f32({2, 1}, {641, 1307}));
  OpRow("Gemm").input(a).input(b).input(f32({2, 1}, {1, 2})).expect(f32({2, 1}, {322, 656}));
  OpRow("Gemm").input(a).input(b).input(f32({3}, {1, 2, 3})).expect_error("broadcasts to [2,1]");
  OpRow("Gemm").input(a).input(a).expect_error("inner dims 3 and 2");
}

TEST(Quantized, ZeroPointsRoundingAndSaturation) {
  OpRow("MatMulInteger")
      .input(typed(DType::kU8, {1, 2}, {255, 0}))
      .input(typed(DType::kI8, {2, 1}, {-128, 127}))
      .input(typed(DType::kU8, {}, {5}))
      .input(typed(DType::kI8, {1}, {1}))
      .expect(typed(DType::kI32, {1, 1}, {-32880}));
  OpRow("ConvInteger")
      .attr("pads", Dims{1, 0})
      .input(typed(DType::kU8, {1, 1, 2}, {3, 7}))
      .input(typed(DType::kU8, {1, 1, 2}, {1, 2}))
      .input(typed(DType::kU8, {}, {2}))
      .expect(typed(DType::kI32, {1, 1, 2}, {2, 11}));
  const auto q = [](double scale) {
    return OpRow("QLinearMatMul")
        .input(typed(DType::kI8, {1, 1}, {5}))
        .input(f32({}, {1}))
        .input(typed(DType::kI8, {}, {0}))
        .input(typed(DType::kI8, {1, 1}, {1}))
        .input(f32({}, {scale}))
        .input(typed(DType::kI8, {}, {0}))
        .input(f32({}, {1}))
        .input(typed(DType::kI8, {}, {1}));
  };
  q(0.5).expect(typed(DType::kI8, {1, 1}, {3}));    // 2.5 rounds to even
  q(100).expect(typed(DType::kI8, {1, 1}, {127}));  // saturates
  q(-100).expect(typed(DType::kI8, {1, 1}, {-128}));
}

}  // namespace
}  // namespace sinter::testing
