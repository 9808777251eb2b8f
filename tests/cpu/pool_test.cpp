// Rows of pooling and reductions.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

TEST(GlobalPool, layouts_and_odd_channels) {
  for (const Dims& dims : {Dims{2, 19, 7, 7}, Dims{1, 300, 5, 9}, Dims{1, 16, 112, 112}, Dims{1, 3, 1, 1}, Dims{2, 8, 11}}) {
    check(TacticRow("GlobalAveragePool").input(random_tensor(dims, 1)), {1e-5, 2e-6});
    check(TacticRow("GlobalMaxPool").input(random_tensor(dims, 1)), {});
  }
}

TacticRow pool(const char* op, Dims dims, std::vector<int64_t> kernel, std::vector<int64_t> strides, std::vector<int64_t> pads) {
  TacticRow row(op);
  row.attr("kernel_shape", kernel).attr("strides", strides).attr("pads", pads).attr("dilations", std::vector<int64_t>{1, 1});
  return row.input(random_tensor(dims, 1));
}

TEST(Pool, windows_pads_and_strides) {
  for (const char* op : {"MaxPool", "AveragePool"}) {
    const Tolerance tolerance = {2e-6, 1e-6};
    check(pool(op, {1, 64, 28, 30}, {3, 3}, {2, 2}, {1, 1, 1, 1}), tolerance);
    check(pool(op, {2, 19, 13, 11}, {2, 2}, {2, 2}, {0, 0, 0, 0}), tolerance);
    check(pool(op, {1, 24, 9, 9}, {5, 5}, {1, 1}, {2, 2, 2, 2}), tolerance);
    check(pool(op, {1, 70, 9, 9}, {3, 2}, {3, 1}, {0, 1, 2, 0}), tolerance);
    check(pool(op, {1, 7, 5, 6}, {5, 6}, {1, 1}, {0, 0, 0, 0}), tolerance);
    check(pool(op, {1, 20, 10, 9}, {3, 3}, {2, 2}, {0, 0, 0, 0}).attr("ceil_mode", int64_t{1}), tolerance);
    check(pool(op, {1, 8, 10, 9}, {3, 3}, {1, 1}, {0, 0, 0, 0}).attr("dilations", std::vector<int64_t>{2, 3}), tolerance);
    TacticRow same = pool(op, {1, 8, 10, 9}, {3, 3}, {2, 2}, {0, 0, 0, 0});
    same.attributes.erase("pads");
    check(same.attr("auto_pad", std::string("SAME_UPPER")), tolerance);
    check(same.attr("auto_pad", std::string("SAME_LOWER")), tolerance);
  }
  check(pool("AveragePool", {1, 17, 9, 9}, {3, 3}, {2, 2}, {1, 1, 1, 1}).attr("count_include_pad", int64_t{1}), {2e-6, 1e-6});
  check(pool("AveragePool", {1, 17, 10, 10}, {3, 3}, {2, 2}, {1, 1, 0, 0}).attr("count_include_pad", int64_t{1}).attr("ceil_mode", int64_t{1}), {2e-6, 1e-6});
}

TEST(Pool, largest_of_bytes) {
  for (const DType dtype : {DType::kI8, DType::kU8}) {
    const auto row_of = [&](Dims dims, std::vector<int64_t> kernel, std::vector<int64_t> strides, std::vector<int64_t> pads) {
      TacticRow row = pool("MaxPool", {1, 1, 1, 1}, std::move(kernel), std::move(strides), std::move(pads));
      row.inputs[0] = Value(random_integers(dtype, std::move(dims), dtype == DType::kI8 ? -128 : 0, dtype == DType::kI8 ? -100 : 20, 1));
      return row;
    };
    check(row_of({1, 64, 28, 30}, {3, 3}, {2, 2}, {1, 1, 1, 1}), {});
    check(row_of({2, 19, 13, 11}, {2, 2}, {2, 2}, {0, 0, 0, 0}), {});
    check(row_of({1, 130, 9, 9}, {5, 5}, {1, 1}, {2, 2, 2, 2}), {});
    check(row_of({1, 20, 10, 9}, {3, 3}, {2, 2}, {0, 0, 0, 0}).attr("ceil_mode", int64_t{1}), {});
    check(row_of({1, 8, 10, 9}, {3, 3}, {1, 1}, {0, 0, 0, 0}).attr("dilations", std::vector<int64_t>{2, 3}), {});
    TacticRow same = row_of({1, 8, 10, 9}, {3, 3}, {2, 2}, {0, 0, 0, 0});
    same.attributes.erase("pads");
    check(same.attr("auto_pad", std::string("SAME_UPPER")), {});
    TacticRow line = row_of({2, 70, 11}, {4}, {3}, {2, 1});
    check(line.attr("dilations", std::vector<int64_t>{1}), {});
  }
}

// Exact: sums of whole numbers, one product in f32.
TEST(GlobalPool, means_of_bytes) {
  for (const DType dtype : {DType::kI8, DType::kU8}) {
    const int low = dtype == DType::kI8 ? -128 : 0;
    const auto row_of = [&](const Dims& dims, int zero) {
      TacticRow row("IntegerGlobalAveragePool", "sinter");
      row.input(random_integers(dtype, dims, low, low + 255, 1)).constant_input(Tensor::scalar(DType::kF32, 0.037f));
      row.constant_input(random_integers(dtype, {}, zero, zero, 2));
      return row;
    };
    for (const Dims& dims : {Dims{2, 19, 7, 7}, Dims{1, 300, 5, 9}, Dims{1, 32, 20, 31}, Dims{1, 3, 1, 1}, Dims{2, 8, 11}, Dims{1, 5, 3, 4, 6}}) {
      for (const int zero : {0, 7}) {
        check(row_of(dims, zero), {});
        for (const DType to : {DType::kI8, DType::kU8}) check(row_of(dims, zero).constant_input(Tensor::scalar(DType::kF32, 0.011f)).constant_input(random_integers(to, {}, 3, 3, 2)), {});
      }
    }
    // All bytes at an end: sums of 16 bits are full.
    TacticRow full = row_of({1, 24, 33, 31}, 0);
    full.inputs[0] = Value(random_integers(dtype, {1, 24, 33, 31}, low + 255, low + 255, 1));
    check(full, {});
  }
}

TEST(Pool, one_and_three_axes) {
  const auto row_of = [](const char* op, Dims dims, std::vector<int64_t> kernel, std::vector<int64_t> strides, std::vector<int64_t> pads) {
    TacticRow row(op);
    row.attr("kernel_shape", kernel).attr("strides", strides).attr("pads", pads);
    return row.input(random_tensor(dims, 1));
  };
  for (const char* op : {"MaxPool", "AveragePool", "LpPool"}) {
    const Tolerance tolerance = {3e-6, 1e-6};
    check(row_of(op, {2, 19, 50}, {3}, {2}, {1, 1}), tolerance);
    check(row_of(op, {1, 70, 33}, {33}, {1}, {0, 0}), tolerance);
    check(row_of(op, {1, 3, 40}, {4}, {1}, {2, 0}).attr("dilations", std::vector<int64_t>{3}), tolerance);
    check(row_of(op, {1, 17, 6, 7, 8}, {2, 2, 2}, {2, 2, 2}, {0, 0, 0, 0, 0, 0}), tolerance);
    check(row_of(op, {2, 5, 6, 5, 9}, {3, 3, 3}, {1, 2, 2}, {1, 1, 1, 1, 1, 1}), tolerance);
    check(row_of(op, {1, 40, 4, 5, 6}, {4, 5, 6}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}), tolerance);
    check(row_of(op, {1, 20, 7, 7, 7}, {3, 2, 1}, {2, 3, 2}, {1, 0, 0, 0, 1, 0}).attr("ceil_mode", int64_t{1}), tolerance);
    check(row_of(op, {0, 5, 4, 4, 4}, {2, 2, 2}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}), tolerance);
  }
  check(row_of("AveragePool", {1, 18, 6, 6, 6}, {3, 3, 3}, {2, 2, 2}, {1, 1, 1, 1, 1, 1}).attr("count_include_pad", int64_t{1}), {3e-6, 1e-6});
}

TEST(Pool, lp) {
  for (const int64_t p : {1, 2}) {
    check(pool("LpPool", {1, 64, 28, 30}, {3, 3}, {2, 2}, {1, 1, 1, 1}).attr("p", p), {3e-6, 1e-6});
    check(pool("LpPool", {2, 19, 13, 11}, {2, 2}, {2, 2}, {0, 0, 0, 0}).attr("p", p), {3e-6, 1e-6});
    check(pool("LpPool", {1, 3, 9, 9}, {5, 4}, {1, 1}, {2, 2, 2, 2}).attr("p", p), {3e-6, 1e-6});
  }
  EXPECT_EQ(check(pool("LpPool", {1, 3, 9, 9}, {3, 3}, {1, 1}, {0, 0, 0, 0}).attr("p", int64_t{3}), {}, true), 0);
}

TEST(Pool, a_nan_reaches_all_its_windows) {
  for (const int64_t channels : {1, 5, 16, 40}) {
    for (const int64_t at : {0, 3, 24}) {
      Tensor image = random_tensor({1, channels, 5, 5}, 1);
      image.data<float>()[(channels - 1) * 25 + at] = std::numeric_limits<float>::quiet_NaN();
      TacticRow row("MaxPool");
      row.attr("kernel_shape", std::vector<int64_t>{3, 3}).attr("strides", std::vector<int64_t>{2, 2}).attr("pads", std::vector<int64_t>{1, 1, 1, 1});
      check(row.input(image), {0, 0});
    }
  }
}

}  // namespace
}  // namespace sinter::testing
