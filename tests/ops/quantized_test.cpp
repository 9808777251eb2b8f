// The internal quantized operators: exact sums, zero points, one f32 product, padding that stands for the zero point.
#include <gtest/gtest.h>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

TEST(QuantizedConv, PaddingIsTheZeroPoint) {
  // A 1x3 filter over [10, 200, 30] with zero point 10: (0 190 20).
  OpRow("QuantizedConv", "sinter")
      .attr("pads", std::vector<int64_t>{0, 1, 0, 1})
      .input(typed(DType::kU8, {1, 1, 1, 3}, {10, 200, 30}))
      .input(typed(DType::kI8, {2, 1, 1, 3}, {1, 2, -3, -128, 127, 5}))
      .input(f32({2}, {0.5, 2}))
      .input(typed(DType::kU8, {}, {10}))
      .absent()
      .input(typed(DType::kI32, {2}, {7, -1}))
      .expect(f32({1, 2, 1, 3}, {0.5 * (7 - 3 * 190), 0.5 * (7 + 380 - 60), 0.5 * (7 + 190 + 40),  //
                                 2 * (-1 + 5 * 190.0), 2 * (-1 + 127 * 190 + 5 * 20.0), 2 * (-1 - 128 * 190 + 127 * 20.0)}));
}

TEST(QuantizedConv, FiltersHaveTheirOwnZeroPoints) {
  OpRow("QuantizedConv", "sinter")
      .input(typed(DType::kI8, {1, 2, 1, 1}, {-128, 127}))
      .input(typed(DType::kU8, {2, 2, 1, 1}, {0, 255, 128, 3}))
      .input(f32({}, {1}))
      .absent()
      .input(typed(DType::kU8, {2}, {255, 3}))
      .expect(f32({1, 2, 1, 1}, {128 * 255, -128 * 125}));
}

TEST(QuantizedMatMul, BatchesColumnsAndBias) {
  OpRow("QuantizedMatMul", "sinter")
      .input(typed(DType::kI8, {2, 1, 2}, {-128, 127, 5, -6}))
      .input(typed(DType::kI8, {2, 2}, {1, -128, 127, 3}))
      .input(f32({2}, {1, 0.25}))
      .input(typed(DType::kI8, {}, {-3}))
      .absent()
      .input(typed(DType::kI32, {2}, {100, -100}))
      .expect(f32({2, 1, 2}, {-125 + 130 * 127 + 100, 0.25 * (125 * 128 + 130 * 3 - 100), 8 - 3 * 127 + 100.0, 0.25 * (-8 * 128 - 9 - 100)}));
}

TEST(QuantizedMatMul, RefusesABiasOfAnotherLength) {
  OpRow("QuantizedMatMul", "sinter")
      .input(typed(DType::kU8, {1, 2}, {1, 2}))
      .input(typed(DType::kI8, {2, 2}, {1, 2, 3, 4}))
      .input(f32({}, {1}))
      .absent()
      .absent()
      .input(typed(DType::kI32, {3}, {1, 2, 3}))
      .expect_error("[3]");
}

// The shape rules see what a model gets wrong before anything runs.
TEST(QuantizedShapes, ScalesAndZeroPointsOfOtherSizes) {
  const auto conv = [](int64_t w_scales, int64_t y_zeros) {
    return OpRow("QLinearConv")
        .input(typed(DType::kU8, {1, 1, 1, 1}, {1}))
        .input(f32({}, {1}))
        .input(typed(DType::kU8, {}, {0}))
        .input(typed(DType::kI8, {2, 1, 1, 1}, {1, 2}))
        .input(f32({w_scales}, std::vector<double>(static_cast<size_t>(w_scales), 1)))
        .input(typed(DType::kI8, {}, {0}))
        .input(f32({}, {1}))
        .input(typed(DType::kU8, {y_zeros}, std::vector<double>(static_cast<size_t>(y_zeros), 0)));
  };
  conv(2, 1).expect(typed(DType::kU8, {1, 2, 1, 1}, {1, 2}));
  conv(3, 1).expect_infer_error("the weights' scale, input 4, is [3]: expected 1 or 2 elements");
  conv(1, 2).expect_infer_error("the zero point, input 7, is [2]: expected one element");
  const auto product = [](int64_t b_scales) {
    return OpRow("QLinearMatMul")
        .input(typed(DType::kU8, {1, 1}, {3}))
        .input(f32({}, {1}))
        .input(typed(DType::kU8, {}, {0}))
        .input(typed(DType::kI8, {1, 2}, {1, 2}))
        .input(f32({b_scales}, std::vector<double>(static_cast<size_t>(b_scales), 1)))
        .input(typed(DType::kI8, {}, {0}))
        .input(f32({}, {1}))
        .input(typed(DType::kU8, {}, {0}));
  };
  product(2).expect(typed(DType::kU8, {1, 2}, {3, 6}));
  product(3).expect_infer_error("the scale, input 4, is [3]: expected 1 or 2 elements");
}

TEST(QuantizedShapes, BlocksThatDoNotFit) {
  const auto blocks = [](Dims scale, int64_t size) {
    Tensor scales = Tensor::from_f32(std::vector<float>(static_cast<size_t>(product(scale)), 1), scale);
    return OpRow("DequantizeLinear").attr("axis", int64_t{0}).attr("block_size", size).input(typed(DType::kI8, {5, 1}, {1, 2, 3, 4, 5})).input(scales);
  };
  blocks({3, 1}, 2).expect(f32({5, 1}, {1, 2, 3, 4, 5}));
  blocks({2, 1}, 2).expect_infer_error("the scale is [2,1] for [5,1] in blocks of 2 along axis 0");
  blocks({3}, 2).expect_infer_error("expected one for each block");
  blocks({3, 1}, -2).expect_infer_error("'block_size' is -2");
  OpRow("DequantizeLinear")
      .input(typed(DType::kI8, {2}, {1, 2}))
      .input(f32({}, {1}))
      .input(typed(DType::kI8, {2}, {1, 2}))
      .expect_infer_error("the zero point is [2], the scale []");
}

}  // namespace
}  // namespace sinter::testing
