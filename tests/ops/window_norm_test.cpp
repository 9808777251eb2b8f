// Pools, resampling and normalizations.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

const double kInf = HUGE_VAL, kNan = std::nan("");

TEST(MaxPool, WindowsPaddingAndIndices) {
  const Tensor x = f32({1, 1, 3, 3}, {1, 2, 3, 4, 9, 6, 7, 8, 5});
  OpRow("MaxPool").attr("kernel_shape", Dims{2, 2}).input(x).expect(f32({1, 1, 2, 2}, {9, 9, 9, 9}));
  OpRow("MaxPool")
      .attr("kernel_shape", Dims{2, 2})
      .attr("strides", Dims{2, 2})
      .attr("ceil_mode", int64_t{1})
      .input(x)
      .outputs(2)
      .expect_all({f32({1, 1, 2, 2}, {9, 6, 8, 5}), i64({1, 1, 2, 2}, {4, 5, 7, 8})});
  OpRow("MaxPool")
      .attr("kernel_shape", Dims{2, 2})
      .attr("strides", Dims{2, 2})
      .attr("storage_order", int64_t{1})
      .input(x)
      .outputs(2)
      .expect_all({f32({1, 1, 1, 1}, {9}), i64({1, 1, 1, 1}, {4})});
  OpRow("MaxPool")
      .attr("kernel_shape", Dims{2})
      .attr("dilations", Dims{2})
      .input(f32({1, 1, 4}, {-5, -1, -7, -2}))
      .expect(f32({1, 1, 2}, {-5, -1}));
  OpRow("MaxPool")
      .attr("kernel_shape", Dims{2})
      .attr("pads", Dims{1, 1})
      .input(f32({1, 1, 2}, {kNan, -3}))
      .expect(f32({1, 1, 3}, {kNan, kNan, -3}));
  OpRow("MaxPool")
      .attr("kernel_shape", Dims{2})
      .input(typed(DType::kI8, {1, 1, 2}, {-128, -127}))
      .expect(typed(DType::kI8, {1, 1, 1}, {-127}));
  OpRow("MaxPool").attr("kernel_shape", Dims{4, 4}).input(x).expect_infer_error("too small");
  OpRow("MaxPool").attr("kernel_shape", Dims{2}).input(x).expect_error("kernel_shape");
}

TEST(AveragePool, DivisorsOfPaddingAndCeil) {
  const Tensor x = f32({1, 1, 5}, {2, 4, 6, 8, 10});
  const auto pool = [&](int64_t include, int64_t ceil) {
    return OpRow("AveragePool")
        .attr("kernel_shape", Dims{3})
        .attr("strides", Dims{2})
        .attr("pads", Dims{1, 0})
        .attr("count_include_pad", include)
        .attr("ceil_mode", ceil)
        .input(x);
  };
  pool(0, 0).expect(f32({1, 1, 2}, {3, 6}));
  pool(1, 0).expect(f32({1, 1, 2}, {2, 6}));
  pool(0, 1).expect(f32({1, 1, 3}, {3, 6, 9}));
  pool(1, 1).expect(f32({1, 1, 3}, {2, 6, 9}));  // what ceil_mode adds beyond the padding is not counted
  // A last window that would begin in the padding after the input is dropped.
  OpRow("AveragePool")
      .attr("kernel_shape", Dims{1})
      .attr("strides", Dims{2})
      .attr("pads", Dims{0, 1})
      .attr("ceil_mode", int64_t{1})
      .input(f32({1, 1, 2}, {1, 5}))
      .expect(f32({1, 1, 1}, {1}));
  OpRow("LpPool").attr("kernel_shape", Dims{2}).input(f32({1, 1, 2}, {3, -4})).expect(f32({1, 1, 1}, {5}), 1e-6);
  OpRow("GlobalAveragePool").input(f32({1, 2, 2}, {1, 2, 5, 7})).expect(f32({1, 2, 1}, {1.5, 6}));
  OpRow("GlobalMaxPool").input(f32({1, 2, 2}, {1, kNan, -5, -7})).expect(f32({1, 2, 1}, {kNan, -5}));
  OpRow("GlobalLpPool").attr("p", int64_t{1}).input(f32({1, 1, 2}, {3, -4})).expect(f32({1, 1, 1}, {7}), 1e-6);
}

TEST(Pool, SymbolicShape) {
  Attributes a;
  a.set("kernel_shape", Dims{3});
  a.set("strides", Dims{2});
  EXPECT_EQ(infer_symbolic("AveragePool", a, {{"f32[n,c,w]", ""}})[0].type, "f32[n,c,floordiv(w+1,2)-1]");
  a.set("auto_pad", std::string("SAME_UPPER"));
  EXPECT_EQ(infer_symbolic("AveragePool", a, {{"f32[n,c,w]", ""}})[0].type, "f32[n,c,floordiv(w+1,2)]");
}

OpRow resize(const Tensor& x, std::vector<double> scales) {
  const auto count = static_cast<int64_t>(scales.size());
  return OpRow("Resize").input(x).absent().input(f32({count}, scales));
}

// Positions are those of single precision, and what only rounding keeps from a half is one: (3 / 0.6f) is place 5, 2 / (4 / 7) is half way from 3 to 4.
TEST(Resize, NearestAtIntegersAndHalves) {
  const Tensor x = f32({7}, {0, 1, 2, 3, 4, 5, 6});
  const auto how = [&](const char* rounding, const char* coordinates) {
    return OpRow("Resize").attr("nearest_mode", std::string(rounding)).attr("coordinate_transformation_mode", std::string(coordinates)).input(x).absent();
  };
  const double tenths = 0.6f;
  how("floor", "asymmetric").input(f32({1}, {tenths})).expect(f32({4}, {0, 1, 3, 5}));
  how("ceil", "asymmetric").input(f32({1}, {tenths})).expect(f32({4}, {0, 2, 4, 5}));
  how("floor", "half_pixel").input(f32({1}, {tenths})).expect(f32({4}, {0, 2, 3, 5}));
  how("round_prefer_ceil", "asymmetric").absent().input(i64({1}, {4})).expect(f32({4}, {0, 2, 4, 5}));
  how("round_prefer_floor", "asymmetric").absent().input(i64({1}, {4})).expect(f32({4}, {0, 2, 3, 5}));
  // 19.5 / 1.3f - 0.5 is 14.500001 in single precision.
  std::vector<double> many(24), scaled(31);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<double>(i);
  for (size_t i = 0; i < scaled.size(); ++i) scaled[i] = std::ceil((static_cast<double>(i) + 0.5) / 1.3 - 1 - 1e-6);
  scaled[0] = 0;
  resize(f32({24}, many), {1.3f}).expect(f32({31}, scaled));
  // The whole crop ends on the last element, whatever the rounding.
  const Tensor row = f32({49}, std::vector<double>(49, 2));
  OpRow("Resize")
      .attr("coordinate_transformation_mode", std::string("tf_crop_and_resize"))
      .attr("mode", std::string("linear"))
      .attr("extrapolation_value", 9.0f)
      .input(row)
      .input(f32({2}, {0, 1}))
      .absent()
      .input(i64({1}, {50}))
      .expect(f32({50}, std::vector<double>(50, 2)));
}

TEST(Resize, ModesAndCoordinates) {
  const Tensor x = f32({1, 4}, {1, 2, 3, 4});
  resize(x, {1, 2}).expect(f32({1, 8}, {1, 1, 2, 2, 3, 3, 4, 4}));
  resize(x, {1, 0.5}).attr("mode", std::string("linear")).expect(f32({1, 2}, {1.5, 3.5}));
  resize(x, {1, 2})
      .attr("mode", std::string("linear"))
      .attr("coordinate_transformation_mode", std::string("asymmetric"))
      .expect(f32({1, 8}, {1, 1.5, 2, 2.5, 3, 3.5, 4, 4}));
  resize(x, {1, 0.5})
      .attr("mode", std::string("linear"))
      .attr("antialias", int64_t{1})
      .expect(f32({1, 2},
                  {(1 * 0.25 + 1 * 0.75 + 2 * 0.75 + 3 * 0.25) / 2, (2 * 0.25 + 3 * 0.75 + 4 * 0.75 + 4 * 0.25) / 2}),
              1e-6);
  resize(f32({2}, {1, kNan}), {2}).attr("mode", std::string("linear")).expect(f32({4}, {1, kNan, kNan, kNan}));
  OpRow("Resize")
      .attr("axes", Dims{-1})
      .input(x)
      .absent()
      .absent()
      .input(i64({1}, {2}))
      .attr("nearest_mode", std::string("floor"))
      .attr("coordinate_transformation_mode", std::string("align_corners"))
      .expect(f32({1, 2}, {1, 4}));
  OpRow("Resize")
      .attr("keep_aspect_ratio_policy", std::string("not_larger"))
      .input(x)
      .absent()
      .absent()
      .input(i64({2}, {2, 6}))
      .expect(f32({2, 6}, {1, 1, 2, 3, 3, 4, 1, 1, 2, 3, 3, 4}));
  OpRow("Resize").input(x).expect_error("neither");
  resize(x, {1}).expect_error("1 values for 2 axes");
  resize(x, {1, -1}).expect_error("positive");
  resize(x, {1, 2}).attr("mode", std::string("area")).expect_error("nearest, linear, cubic");
}

TEST(Normalization, StatisticsScaleAndShift) {
  const Tensor x = f32({1, 2, 2}, {1, 3, 10, 30});
  const double e = 1e-5, a = 1 / std::sqrt(1 + e), b = 10 / std::sqrt(100 + e);
  const Tensor two = f32({2}, {2, 3}), shift = f32({2}, {0, 1});
  OpRow("InstanceNormalization")
      .input(x)
      .input(two)
      .input(shift)
      .expect(f32({1, 2, 2}, {-2 * a, 2 * a, 1 - 3 * b, 1 + 3 * b}), 1e-6);
  OpRow("GroupNormalization")
      .attr("num_groups", int64_t{2})
      .input(x)
      .input(two)
      .input(shift)
      .expect(f32({1, 2, 2}, {-2 * a, 2 * a, 1 - 3 * b, 1 + 3 * b}), 1e-6);
  OpRow("GroupNormalization").attr("num_groups", int64_t{3}).input(x).input(two).input(shift).expect_error("divisor");
  OpRow("LayerNormalization")
      .input(x)
      .input(two)
      .input(shift)
      .outputs(3)
      .expect_all({f32({1, 2, 2}, {-2 * a, 1 + 3 * a, -2 * b, 1 + 3 * b}), f32({1, 2, 1}, {2, 20}),
                   f32({1, 2, 1}, {a, 1 / std::sqrt(100 + e)})},
                  1e-6);
  OpRow("LayerNormalization").attr("axis", int64_t{3}).input(x).input(two).expect_error("[-3,2]");
  OpRow("BatchNormalization")
      .input(x)
      .input(two)
      .input(shift)
      .input(f32({2}, {1, 10}))
      .input(f32({2}, {4, 100}))
      .expect(f32({1, 2, 2}, {0, 2 * 2 / std::sqrt(4 + e), 1, 1 + 3 * 20 / std::sqrt(100 + e)}), 1e-6);
  OpRow("RMSNormalization")
      .input(f32({1, 2}, {3, 4}))
      .input(f32({2}, {1, 2}))
      .attr("epsilon", 0.0f)
      .expect(f32({1, 2}, {3 / std::sqrt(12.5), 8 / std::sqrt(12.5)}), 1e-6);
  OpRow("LpNormalization").input(f32({2, 2}, {3, 4, 0, 0})).expect(f32({2, 2}, {0.6, 0.8, 0, 0}), 1e-6);
  OpRow("LRN")
      .attr("size", int64_t{3})
      .attr("alpha", 3.0f)
      .attr("beta", 1.0f)
      .input(f32({1, 3, 1}, {1, 2, 3}))
      .expect(f32({1, 3, 1}, {1.0 / 6, 2.0 / 15, 3.0 / 14}), 1e-6);
}

TEST(BatchNormalization, TrainingMixesTheStatistics) {
  OpRow("BatchNormalization")
      .attr("training_mode", int64_t{1})
      .attr("momentum", 0.5f)
      .attr("epsilon", 0.0f)
      .input(f32({2, 1}, {1, 3}))
      .input(f32({1}, {1}))
      .input(f32({1}, {0}))
      .input(f32({1}, {0}))
      .input(f32({1}, {3}))
      .outputs(3)
      .expect_all({f32({2, 1}, {-1, 1}), f32({1}, {1}), f32({1}, {2})}, 1e-6);
}

TEST(GridSample, PaddingModes) {
  const Tensor x = f32({1, 1, 1, 2}, {1, 3});
  const auto at = [&](double position, const char* padding) {
    return OpRow("GridSample")
        .attr("padding_mode", std::string(padding))
        .attr("align_corners", int64_t{1})
        .input(x)
        .input(f32({1, 1, 1, 2}, {position, 0}));
  };
  at(0, "zeros").expect(f32({1, 1, 1, 1}, {2}));
  at(3, "zeros").expect(f32({1, 1, 1, 1}, {0}));
  at(3, "border").expect(f32({1, 1, 1, 1}, {3}));
  at(2, "reflection").expect(f32({1, 1, 1, 1}, {2}));
  at(kInf, "border").expect(f32({1, 1, 1, 1}, {3}));
  at(0, "mirror").expect_error("reflection");
}

}  // namespace
}  // namespace sinter::testing
