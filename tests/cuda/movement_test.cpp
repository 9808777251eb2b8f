#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TEST(Reformat, both_ways_odd_sizes_and_element_sizes) {
  for (const Dims& dims : {Dims{1, 3, 5, 7}, Dims{2, 16, 4, 4}, Dims{1, 17, 33, 3}, Dims{1, 32, 1, 1}, Dims{1, 40, 67}, Dims{2, 9, 2, 3, 4}, Dims{1, 70, 40, 41}, Dims{0, 8, 3, 3}}) {
    for (const Layout from : {Layout::kRowMajor, Layout::kChannelsLast}) {
      for (const DType dtype : {DType::kF32, DType::kF16, DType::kI8, DType::kF64}) {
        TacticRow row("Reformat", "sinter");
        row.from = from;
        row.to = from == Layout::kRowMajor ? Layout::kChannelsLast : Layout::kRowMajor;
        row.input(random_integers(dtype, dims, 0, 100, 7));
        check(row, {});
      }
    }
  }
}

TEST(Transpose, wide_tiles_of_small_elements) {
  for (const DType dtype : {DType::kF16, DType::kI8}) {
    check(TacticRow("Transpose").attr("perm", std::vector<int64_t>{0, 2, 1}).input(random_integers(dtype, {2, 530, 501}, -128, 127, 1)), {});
  }
}

TEST(Transpose, permutations_and_element_sizes) {
  const std::vector<std::vector<int64_t>> permutations = {{0, 2, 1, 3}, {0, 2, 3, 1}, {0, 3, 1, 2}, {3, 2, 1, 0}, {1, 0, 3, 2}, {0, 1, 3, 2}, {0, 1, 2, 3}};
  for (const auto& perm : permutations) {
    check(TacticRow("Transpose").attr("perm", perm).input(random_tensor({2, 33, 5, 70}, 1)), {});
    check(TacticRow("Transpose").attr("perm", perm).input(random_integers(DType::kI8, {2, 3, 9, 17}, -128, 127, 1)), {});
    check(TacticRow("Transpose").attr("perm", perm).input(random_integers(DType::kI64, {2, 3, 9, 17}, -128, 127, 1)), {});
  }
  check(TacticRow("Transpose").input(random_tensor({100, 65}, 1)), {});
  check(TacticRow("Transpose").attr("perm", std::vector<int64_t>{4, 0, 2, 1, 3}).input(random_tensor({3, 4, 5, 6, 7}, 1)), {});
}

TEST(Movement, bytes) {
  for (const DType dtype : {DType::kI8, DType::kU8}) {
    const auto bytes = [&](const Dims& dims, uint32_t seed) { return random_integers(dtype, dims, dtype == DType::kI8 ? -128 : 0, dtype == DType::kI8 ? 127 : 255, seed); };
    for (const int64_t channels : {32, 17}) {
      check(TacticRow("Concat").attr("axis", int64_t{1}).input(bytes({2, channels, 5, 7}, 1)).input(bytes({2, 48, 5, 7}, 2)), {});
      TacticRow split("Split");
      split.outputs = 2;
      check(split.attr("axis", int64_t{1}).attr("num_outputs", int64_t{2}).input(bytes({2, 2 * channels, 3, 4}, 3)), {});
      check(TacticRow("Slice").input(bytes({2, 2 * channels, 6, 5}, 4)).constant_input(Tensor::from_i64({3, 1})).constant_input(Tensor::from_i64({40, 6})).constant_input(Tensor::from_i64({1, 2})), {});
      for (const char* mode : {"constant", "edge", "reflect"}) {
        check(TacticRow("Pad").attr("mode", std::string(mode)).input(bytes({1, channels, 5, 4}, 5)).constant_input(Tensor::from_i64({0, 0, 1, 2, 0, 1, 0, 1})), {});
      }
      check(TacticRow("Gather").attr("axis", int64_t{1}).input(bytes({2, channels, 9}, 6)).input(random_integers(DType::kI64, {4}, 0, 16, 7)), {});
      const std::vector<int64_t> window{3, 3}, strides{2, 2}, pads{1, 1, 1, 1};
      check(TacticRow("MaxPool").attr("kernel_shape", window).attr("strides", strides).attr("pads", pads).input(bytes({2, channels, 11, 9}, 8)), {});
      check(TacticRow("MaxPool").attr("kernel_shape", std::vector<int64_t>{2, 2}).input(bytes({1, channels, 5, 5}, 9)), {});
      check(TacticRow("Expand").input(bytes({2, 1, 5}, 1)).constant_input(Tensor::from_i64({2, channels, 5})), {});
      check(TacticRow("DepthToSpace").attr("blocksize", int64_t{2}).input(bytes({1, 4 * channels, 3, 5}, 2)), {});
    }
  }
}

}  // namespace
}  // namespace sinter::testing
