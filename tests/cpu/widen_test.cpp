// Rows of cpu.widen: operators on f16 and bf16 tensors by way of the tactics for f32. Tolerances are one rounding to the stored type.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr DType kHalves[] = {DType::kF16, DType::kBF16};

// Half a unit in the last place, with room for a sum that rounds to the other side; f16 also has subnormal numbers of its own.
Tolerance rounding(DType dtype) { return dtype == DType::kF16 ? Tolerance{1.0 / 1024, 1e-7} : Tolerance{1.0 / 128, 1e-30}; }

Tensor half(DType dtype, Dims dims, uint32_t seed, float scale = 1, bool special = false) {
  return random_tensor(std::move(dims), seed, scale, special).cast(dtype);
}

TEST(Widen, rows_and_pools) {
  for (const DType dtype : kHalves) {
    check(TacticRow("Softmax").input(half(dtype, {3, 77}, 1, 3)), rounding(dtype));
    check(TacticRow("GlobalAveragePool").input(half(dtype, {2, 19, 5, 7}, 1)), {rounding(dtype).relative, 1e-6});
    TacticRow pool("MaxPool");
    pool.attr("kernel_shape", std::vector<int64_t>{3, 3}).attr("strides", std::vector<int64_t>{2, 2});
    check(pool.input(half(dtype, {2, 5, 9, 33}, 1, 1, true)), {});
    TacticRow pair("LayerNormalizationPair", "sinter");
    pair.attr("axis", int64_t{-1}).attr("to", static_cast<int64_t>(dtype)).input(random_tensor({5, 24}, 7)).input(random_tensor({24}, 8));
    pair.outputs = 2;
    check(pair, {rounding(dtype).relative, 1e-5});
    TacticRow norm("LayerNormalization");
    check(norm.input(half(dtype, {4, 40}, 1)).constant_input(half(dtype, {40}, 2)).input(half(dtype, {40}, 3)), {rounding(dtype).relative, 1e-2});
    check(TacticRow("ReduceMax").input(half(dtype, {4, 0, 3}, 1)).constant_input(Tensor::from_i64({0})), {});
  }
}

TEST(Widen, products_pack_wide_constants) {
  for (const DType dtype : kHalves) {
    const Tolerance tolerance{rounding(dtype).relative, 2e-2};  // cancelled sums of terms that TF32 may round
    TacticRow matmul("MatMul");
    check(matmul.input(half(dtype, {5, 33}, 1)).constant_input(half(dtype, {33, 20}, 2)), tolerance);
    TacticRow conv("Conv");
    conv.attr("pads", std::vector<int64_t>{1, 1, 1, 1});
    conv.input(half(dtype, {1, 17, 9, 8}, 1)).constant_input(half(dtype, {20, 17, 3, 3}, 2, 0.1f)).constant_input(half(dtype, {20}, 3));
    check(conv, tolerance);
  }
}

TEST(Widen, values_at_the_ends_of_the_range) {
  Tensor x = Tensor::from_f32({65504.0f, 65504.0f, 5.9604645e-8f, -5.9604645e-8f, HUGE_VALF, -1.0f, std::nanf(""), 0.0f}, {4, 2}).cast(DType::kF16);
  check(TacticRow("ReduceSum").input(x).constant_input(Tensor::from_i64({1})), {});  // 131008 overflows to infinity once narrowed
  check(TacticRow("ReduceMean").input(x).constant_input(Tensor::from_i64({1})), {});
}

}  // namespace
}  // namespace sinter::testing
