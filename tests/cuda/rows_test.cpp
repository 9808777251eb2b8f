// Rows that the CPU's tests have not: casts between all types, narrow floats.
#include <limits>

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
  for (const auto& [dtype, tolerance] : {std::pair{DType::kF16, kHalf}, std::pair{DType::kBF16, kBfloat}, std::pair{DType::kF32, Tolerance{1e-5, 1e-5}}}) {
    const Tensor x = random_tensor({2, 24, 11, 9}, 1).cast(dtype);
    const std::vector<int64_t> window{3, 3}, strides{2, 2}, pads{1, 1, 1, 1};
    for (const char* op : {"MaxPool", "AveragePool", "LpPool"}) {
      check(TacticRow(op).attr("kernel_shape", window).attr("strides", strides).attr("pads", pads).input(x), tolerance);
    }
    Tensor infinite = random_tensor({1, 16, 7, 7}, 2);
    for (int64_t i = 0; i < infinite.count(); i += 5) infinite.data<float>()[i] = -std::numeric_limits<float>::infinity();
    check(TacticRow("MaxPool").attr("kernel_shape", window).attr("pads", pads).input(infinite.cast(dtype)), tolerance);
    infinite.data<float>()[40] = std::numeric_limits<float>::quiet_NaN();
    check(TacticRow("MaxPool").attr("kernel_shape", window).attr("pads", pads).input(infinite.cast(dtype)), tolerance);
    check(TacticRow("AveragePool").attr("kernel_shape", window).attr("strides", strides).attr("pads", pads).attr("ceil_mode", int64_t{1})
              .attr("count_include_pad", int64_t{1}).input(x), tolerance);
    check(TacticRow("GlobalAveragePool").input(x), tolerance);
    check(TacticRow("GlobalMaxPool").input(x), tolerance);
    for (const char* mode : {"linear", "nearest"}) {
      check(TacticRow("Resize").attr("mode", std::string(mode)).input(x).absent().constant_input(Tensor::from_f32({1, 1, 2, 1.5f}, {4})), tolerance);
    }
    for (const char* rounding : {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil"}) {
      for (const char* coordinates : {"asymmetric", "half_pixel", "align_corners"}) {
        const auto row = [&] {
          return TacticRow("Resize").attr("nearest_mode", std::string(rounding)).attr("coordinate_transformation_mode", std::string(coordinates)).input(random_tensor({1, 3, 7, 24}, 1).cast(dtype)).absent();
        };
        check(row().constant_input(Tensor::from_f32({1, 1, 0.6f, 1.3f}, {4})), {});
        check(row().absent().constant_input(Tensor::from_i64({1, 3, 4, 50})), {});
      }
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

TEST(Gru, directions_sizes_states_and_reset_gates) {
  for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
    const int64_t directions = direction == "bidirectional" ? 2 : 1;
    for (const Dims& size : {Dims{5, 1, 7, 12}, Dims{3, 2, 40, 33}, Dims{1, 3, 1, 1}}) {
      for (const int64_t linear : {0, 1}) {
        const int64_t steps = size[0], batch = size[1], input = size[2], hidden = size[3];
        TacticRow row("GRU");
        row.outputs = 2;
        row.attr("hidden_size", hidden).attr("direction", direction).attr("linear_before_reset", linear);
        row.input(random_tensor({steps, batch, input}, 1));
        row.constant_input(random_tensor({directions, 3 * hidden, input}, 2, 0.3f)).constant_input(random_tensor({directions, 3 * hidden, hidden}, 3, 0.3f));
        if (linear || batch == 2) {
          row.constant_input(random_tensor({directions, 6 * hidden}, 4, 0.3f)).absent().input(random_tensor({directions, batch, hidden}, 5));
        }
        check(row, {1e-5, 1e-6});
      }
    }
  }
}

TEST(Lrn, windows_types_and_layouts) {
  for (const int64_t size : {1, 2, 5, 40}) {
    TacticRow row("LRN");
    row.attr("size", size).attr("alpha", 0.3f).attr("beta", 0.6f).attr("bias", 1.5f);
    check(TacticRow(row).input(random_tensor({2, 9, 5, 7}, 1, 2)), {2e-6, 1e-6});
    if (size == 5) check(row.input(random_tensor({2, 9, 35}, 1, 2).cast(DType::kF16)), kHalf);
  }
  check(TacticRow("LRN").attr("size", int64_t{3}).input(random_tensor({1, 4, 3, 3}, 1, 1, true)), {2e-6, 1e-6});
  check(TacticRow("LRN").attr("size", int64_t{3}).input(Tensor(DType::kF32, {0, 4, 3, 3})), {});
}

TEST(Quantize, grids_types_and_special_values) {
  const Tensor x = random_tensor({3, 8, 5}, 1, 30, true), few = random_tensor({8}, 2, 0.2f);
  Tensor scales = few.clone();
  for (int64_t i = 0; i < 8; ++i) scales.data<float>()[i] = 0.05f + std::fabs(few.data<float>()[i]);
  for (const DType to : {DType::kI8, DType::kU8, DType::kI16, DType::kU16}) {
    const Tensor zeros = random_integers(to, {8}, 0, 20, 3), zero = random_integers(to, {}, 3, 3, 3);
    check(TacticRow("QuantizeLinear").input(x).constant_input(Tensor::from_f32({0.25f}, {1})).constant_input(zero.reshaped({1})), {});
    check(TacticRow("QuantizeLinear").attr("axis", int64_t{-2}).input(x).constant_input(scales).constant_input(zeros), {});
    const Tensor codes = random_integers(to, {3, 8, 5}, 0, 100, 4);
    check(TacticRow("DequantizeLinear").attr("axis", int64_t{1}).input(codes).constant_input(scales).constant_input(zeros), {});
    check(TacticRow("DequantizeLinear").input(codes).constant_input(Tensor::from_f32({0.25f}, {}).reshaped({})), {});
  }
  check(TacticRow("DequantizeLinear").attr("axis", int64_t{0}).input(random_integers(DType::kI32, {8}, -70000, 70000, 4)).input(scales), {});
  check(TacticRow("QuantizeLinear").input(random_integers(DType::kF16, {4, 5}, -90, 90, 1)).input(Tensor::from_f32({0.3f}, {1}).cast(DType::kF16)), {});
  check(TacticRow("DequantizeLinear").attr("axis", int64_t{1}).attr("block_size", int64_t{3}).input(random_integers(DType::kI8, {2, 8, 3}, -90, 90, 1)).input(random_tensor({2, 3, 3}, 5)), {});
}

TEST(Quantize, floats_of_8_bits) {
  for (const DType dtype : {DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ}) {
    // Each number of the type, halfway to the next and just beside it; beyond the largest, infinities, NaN.
    std::vector<float> values{0.0f, -0.0f, 1e-30f, 1e30f, -1e30f, INFINITY, -INFINITY, NAN, 464, 465, 61440, 61441, 248};
    for (int code = 0; code < 256; ++code) {
      const float a = small_float_to_float(dtype, static_cast<uint8_t>(code)), b = small_float_to_float(dtype, static_cast<uint8_t>(code + 1)), middle = a + (b - a) / 2;
      for (const float v : {a, middle, std::nextafter(middle, 1e9f), std::nextafter(middle, -1e9f)}) values.push_back(v);
    }
    const auto count = static_cast<int64_t>(values.size());
    const Tensor x = Tensor::from_f32(values, {1, count}), zero = Tensor(DType::kF32, {}).cast(dtype);
    for (const int64_t saturate : {1, 0}) {
      check(TacticRow("QuantizeLinear").attr("saturate", saturate).input(x).constant_input(Tensor::from_f32({1.0f}, {}).reshaped({})).constant_input(zero), {});
    }
    check(TacticRow("QuantizeLinear").input(x.cast(DType::kF16)).constant_input(Tensor::from_f32({0.3f}, {}).reshaped({})).constant_input(zero), {});
    Tensor codes(dtype, {2, 128});
    for (int i = 0; i < 256; ++i) codes.data<uint8_t>()[i] = static_cast<uint8_t>(i);
    check(TacticRow("DequantizeLinear").attr("axis", int64_t{0}).input(codes).constant_input(Tensor::from_f32({0.3f, 2.0f}, {2})), {});
  }
}

TEST(NarrowFloats, selection_scans_and_scatters) {
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    TacticRow best("TopK");
    best.outputs = 2;
    check(best.input(random_tensor({4, 70, 3}, 1, 1, true).cast(dtype)).attr("axis", int64_t{1}).constant_input(Tensor::from_i64({9})), {});
    check(TacticRow("CumSum").input(random_integers(dtype, {3, 50}, -2, 2, 1)).constant_input(Tensor::from_i64({1}).reshaped({})), {});
    TacticRow sums("ScatterND");
    sums.attr("reduction", std::string("add")).input(random_integers(dtype, {4, 5}, -9, 9, 1)).input(random_integers(DType::kI64, {30, 2}, 0, 3, 2));
    check(sums.input(random_integers(dtype, {30}, -3, 3, 3)), {});
  }
}

TEST(IntegerReduce, operators_axes_and_types) {
  for (const DType dtype : {DType::kI32, DType::kI64}) {
    for (const char* op : {"ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin"}) {
      const Tensor x = random_integers(dtype, {4, 5, 6, 7}, -9, 9, 1);
      for (const std::vector<int64_t>& axes : {std::vector<int64_t>{1}, {-1, 0}, {0, 1, 2, 3}}) {
        check(TacticRow(op).attr("keepdims", int64_t{0}).input(x).constant_input(Tensor::from_i64(axes)), {});
      }
      check(TacticRow(op).input(x), {});
    }
    for (const char* op : {"ArgMax", "ArgMin"}) {
      for (const int64_t last : {0, 1}) check(TacticRow(op).attr("axis", int64_t{-2}).attr("select_last_index", last).input(random_integers(dtype, {3, 40, 5}, 0, 6, 2)), {});
    }
  }
  check(TacticRow("ReduceSum").input(Tensor(DType::kI64, {3, 0})).constant_input(Tensor::from_i64({1})), {});
}

TEST(GridSample, modes_paddings_and_types) {
  const Tensor x = random_tensor({2, 3, 6, 9}, 1), grid = random_tensor({2, 5, 8, 2}, 2, 0.9f);
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    for (const char* padding : {"zeros", "border", "reflection"}) {
      for (const int64_t align : {0, 1}) {
        TacticRow row("GridSample");
        row.attr("mode", std::string(mode)).attr("padding_mode", std::string(padding)).attr("align_corners", align);
        check(TacticRow(row).input(x).input(grid), {1e-4, 1e-4});
        if (align == 0 && std::string(mode) == "linear") check(row.input(x.cast(DType::kF16)).input(grid.cast(DType::kF16)), {4e-3, 4e-3});
      }
    }
  }
  check(TacticRow("GridSample").input(x).input(random_tensor({2, 4, 4, 2}, 3, 2, true)), {1e-4, 1e-4});
}

TEST(Shape, starts_ends_and_sizes) {
  const Tensor x = random_tensor({2, 1, 5, 7}, 1);
  check(TacticRow("Shape").input(x), {});
  check(TacticRow("Shape").attr("start", int64_t{-3}).attr("end", int64_t{-1}).input(x), {});
  check(TacticRow("Shape").attr("start", int64_t{1}).input(Tensor(DType::kU8, {0, 4})), {});
  check(TacticRow("Shape").attr("start", int64_t{3}).attr("end", int64_t{1}).input(x), {});
  check(TacticRow("Size").input(x), {});
}

TEST(IntegerUnary, operators_types_and_bounds) {
  for (const DType dtype : {DType::kI8, DType::kI32, DType::kI64}) {
    for (const char* op : {"Neg", "Abs", "Sign", "BitwiseNot"}) check(TacticRow(op).input(random_integers(dtype, {7, 90}, -100, 100, 1)), {});
    const auto one = [&](int64_t value) { return random_integers(dtype, {}, value, value, 1); };
    check(TacticRow("Clip").input(random_integers(dtype, {300}, -100, 100, 1)).input(one(-20)).input(one(50)), {});
    check(TacticRow("Clip").input(random_integers(dtype, {300}, -100, 100, 1)).absent().input(one(50)), {});
  }
  for (const char* op : {"BitwiseAnd", "BitwiseOr", "BitwiseXor"}) {
    check(TacticRow(op).input(random_integers(DType::kU8, {5, 60}, 0, 255, 1)).input(random_integers(DType::kU8, {60}, 0, 255, 2)), {});
  }
}

TacticRow conv(const Dims& x, const Dims& w, std::vector<int64_t> strides, std::vector<int64_t> pads, int64_t group = 1) {
  TacticRow row("Conv");
  row.attr("strides", strides).attr("pads", pads).attr("group", group).attr("dilations", std::vector<int64_t>(strides.size(), 1));
  return row.input(random_tensor(x, 1)).constant_input(random_tensor(w, 2, 0.2f)).constant_input(random_tensor({w[0]}, 3));
}

TEST(ConvDirect, long_filters_three_axes_and_epilogues) {
  constexpr Tolerance kSums{2e-5, 2e-5};
  const auto exact = [&](TacticRow row) {  // other tactics may use TF32 where that is allowed
    row.precision.tf32 = false;
    check(row, kSums);
  };
  exact(conv({1, 3, 64, 48}, {8, 3, 16, 16}, {16, 16}, {0, 0, 0, 0}));
  exact(conv({2, 4, 70}, {6, 2, 33}, {4}, {3, 5}, 2));
  exact(conv({1, 4, 6, 7, 8}, {6, 4, 3, 3, 2}, {2, 1, 2}, {1, 1, 0, 1, 0, 1}));
  TacticRow row = conv({2, 3, 40, 20}, {5, 3, 17, 3}, {2, 1}, {8, 1, 8, 1});
  row.with_epilogue("3 | add(0,1) mul(3,2) relu(4) | 5", {random_tensor({2, 5, 20, 20}, 4), random_tensor({5, 1, 1}, 5)});
  exact(row);
}

}  // namespace
}  // namespace sinter::testing
