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

}  // namespace
}  // namespace sinter::testing
