// Rows that the CPU's tests have not: casts between all types, narrow floats.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr Tolerance kHalf{2e-3, 1e-3}, kBfloat{1.6e-2, 8e-3};  // one rounding of the result, with room for those of the sums

TEST(Cast, every_pair_of_types) {
  const std::vector<DType> types = {DType::kF32, DType::kF16, DType::kBF16, DType::kF64, DType::kI8, DType::kU8, DType::kI32, DType::kI64, DType::kBool};
  for (const DType from : types) {
    for (const DType to : types) {
      check(TacticRow("Cast").attr("to", int64_t{static_cast<int>(to)}).input(random_integers(from, {3, 5, 37}, from == DType::kU8 ? 0 : -50, 100, 3)), {});
    }
  }
}

TEST(NarrowFloats, rows_pools_and_reductions) {
  for (const auto& [dtype, tolerance] : {std::pair{DType::kF16, kHalf}, std::pair{DType::kBF16, kBfloat}}) {
    const Tensor x = random_tensor({2, 8, 9, 11}, 1).cast(dtype);
    check(TacticRow("Softmax").attr("axis", int64_t{-1}).input(x), tolerance);
    check(TacticRow("Softmax").attr("axis", int64_t{1}).input(x), tolerance);
    check(TacticRow("GlobalAveragePool").input(x), tolerance);
    check(TacticRow("GlobalMaxPool").input(x), tolerance);
    check(TacticRow("ReduceMean").attr("keepdims", int64_t{1}).input(x).constant_input(Tensor::from_i64({1})), tolerance);
    check(TacticRow("MaxPool").attr("kernel_shape", std::vector<int64_t>{3, 3}).attr("strides", std::vector<int64_t>{2, 2}).input(x), tolerance);
    check(TacticRow("LayerNormalization").attr("axis", int64_t{-1}).input(x).input(random_tensor({11}, 2).cast(dtype)).input(random_tensor({11}, 3).cast(dtype)), tolerance);
    check(TacticRow("LayerNormalization").attr("axis", int64_t{-1}).input(x).input(random_tensor({11}, 2)).input(random_tensor({11}, 3)), tolerance);
  }
}

TEST(NarrowFloats, images_whose_channels_are_whole_vectors) {
  for (const auto& [dtype, tolerance] : {std::pair{DType::kF16, kHalf}, std::pair{DType::kF32, Tolerance{1e-5, 1e-5}}}) {
    const Tensor x = random_tensor({2, 24, 11, 9}, 1).cast(dtype);
    const std::vector<int64_t> window{3, 3}, strides{2, 2}, pads{1, 1, 1, 1};
    for (const char* op : {"MaxPool", "AveragePool", "LpPool"}) {
      check(TacticRow(op).attr("kernel_shape", window).attr("strides", strides).attr("pads", pads).input(x), tolerance);
    }
    check(TacticRow("AveragePool").attr("kernel_shape", window).attr("strides", strides).attr("pads", pads).attr("ceil_mode", int64_t{1})
              .attr("count_include_pad", int64_t{1}).input(x), tolerance);
    check(TacticRow("GlobalAveragePool").input(x), tolerance);
    check(TacticRow("GlobalMaxPool").input(x), tolerance);
    for (const char* mode : {"linear", "nearest"}) {
      check(TacticRow("Resize").attr("mode", std::string(mode)).input(x).absent().constant_input(Tensor::from_f32({1, 1, 2, 1.5f}, {4})), tolerance);
    }
    check(TacticRow("ReduceMean").attr("keepdims", int64_t{0}).input(random_tensor({3, 70, 16}, 2).cast(dtype)).constant_input(Tensor::from_i64({1})), tolerance);
  }
}

TEST(Normalize, rows_that_a_warp_holds) {
  for (const int64_t n : {8, 264, 768, 1032}) {
    for (const auto& [dtype, tolerance] : {std::pair{DType::kF16, kHalf}, std::pair{DType::kF32, Tolerance{1e-5, 1e-5}}}) {
      const Tensor x = random_tensor({5, n}, 1, 3).cast(dtype), gain = random_tensor({n}, 2).cast(dtype);
      check(TacticRow("LayerNormalization").attr("axis", int64_t{-1}).input(x).input(gain).input(random_tensor({n}, 3).cast(dtype)), tolerance);
      check(TacticRow("LayerNormalization").attr("axis", int64_t{1}).input(x).input(gain), tolerance);
    }
  }
}

TEST(Normalize, results_in_two_types) {
  for (const int64_t n : {24, 11, 768}) {
    const Tensor x = random_tensor({5, n}, 1, 3), scale = random_tensor({n}, 2), bias = random_tensor({n}, 3);
    TacticRow row("LayerNormalizationPair", "sinter");
    row.attr("axis", int64_t{-1}).attr("to", static_cast<int64_t>(DType::kF16)).input(x).input(scale).input(bias);
    row.outputs = 2;
    check(row, kHalf);
  }
}

TEST(Normalize, instances_and_groups) {
  const Tensor x = random_tensor({3, 12, 7, 5}, 1, 3), scale = random_tensor({12}, 2), bias = random_tensor({12}, 3);
  check(TacticRow("InstanceNormalization").input(x).input(scale).input(bias), {1e-5, 1e-5});
  check(TacticRow("GroupNormalization").attr("num_groups", int64_t{4}).input(x).input(scale).input(bias), {1e-5, 1e-5});
}

TEST(ArgMax, axes_ties_and_nan) {
  for (const char* op : {"ArgMax", "ArgMin"}) {
    for (const int64_t axis : {0, 1, -1}) {
      for (const int64_t last : {0, 1}) {
        check(TacticRow(op).attr("axis", axis).attr("select_last_index", last).input(random_integers(DType::kF32, {5, 6, 37}, 0, 4, 3)), {});
      }
    }
  }
}

TEST(Lstm, directions_sizes_and_states) {
  for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
    const int64_t directions = direction == "bidirectional" ? 2 : 1;
    for (const Dims& size : {Dims{5, 1, 7, 12}, Dims{3, 2, 40, 33}, Dims{1, 3, 1, 1}}) {
      for (const bool states : {false, true}) {
        const int64_t steps = size[0], batch = size[1], input = size[2], hidden = size[3];
        TacticRow row("LSTM");
        row.outputs = 3;
        row.attr("hidden_size", hidden).attr("direction", direction);
        row.input(random_tensor({steps, batch, input}, 1));
        row.constant_input(random_tensor({directions, 4 * hidden, input}, 2, 0.3f)).constant_input(random_tensor({directions, 4 * hidden, hidden}, 3, 0.3f));
        if (states) {
          row.constant_input(random_tensor({directions, 8 * hidden}, 4, 0.3f)).absent();
          row.input(random_tensor({directions, batch, hidden}, 5)).input(random_tensor({directions, batch, hidden}, 6));
        }
        check(row, {1e-5, 1e-6});
      }
    }
  }
}

TacticRow conv(const Dims& x, const Dims& w, std::vector<int64_t> strides, std::vector<int64_t> pads, int64_t group = 1) {
  TacticRow row("Conv");
  row.attr("strides", strides).attr("pads", pads).attr("group", group).attr("dilations", std::vector<int64_t>(strides.size(), 1));
  return row.input(random_tensor(x, 1)).constant_input(random_tensor(w, 2, 0.2f)).constant_input(random_tensor({w[0]}, 3));
}

TEST(ConvDirect, long_filters_three_axes_and_epilogues) {
  constexpr Tolerance kSums{2e-5, 2e-5};
  TacticRow patches = conv({1, 3, 64, 48}, {8, 3, 16, 16}, {16, 16}, {0, 0, 0, 0});
  patches.precision.tf32 = false;
  check(patches, kSums);
  check(conv({2, 4, 70}, {6, 2, 33}, {4}, {3, 5}, 2), kSums);
  check(conv({1, 4, 6, 7, 8}, {6, 4, 3, 3, 2}, {2, 1, 2}, {1, 1, 0, 1, 0, 1}), kSums);
  TacticRow row = conv({2, 3, 40, 20}, {5, 3, 17, 3}, {2, 1}, {8, 1, 8, 1});
  row.with_epilogue("3 | add(0,1) mul(3,2) relu(4) | 5", {random_tensor({2, 5, 20, 20}, 4), random_tensor({5, 1, 1}, 5)});
  check(row, kSums);
}

}  // namespace
}  // namespace sinter::testing
