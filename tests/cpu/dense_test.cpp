// Rows for convolution and matrix products; the kernels below them have tests of their own (tests/cpu_kernels).
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

// Sums of n products of normal values in f32.
Tolerance of_length(int64_t n) { return {1e-5, 3e-7 * std::sqrt(static_cast<double>(n)) * 8}; }

TacticRow conv(Dims input, Dims weight, std::vector<int64_t> strides, std::vector<int64_t> pads, int64_t group) {
  TacticRow row("Conv");
  row.attr("strides", std::move(strides)).attr("pads", std::move(pads)).attr("group", group).attr("dilations", std::vector<int64_t>{1, 1});
  row.attr("kernel_shape", std::vector<int64_t>{weight[2], weight[3]});
  row.input(random_tensor(input, 1)).constant_input(random_tensor(weight, 2)).constant_input(random_tensor({weight[0]}, 3));
  return row;
}

TEST(Dense, convolutions) {
  check(conv({1, 3, 17, 19}, {16, 3, 3, 3}, {2, 2}, {1, 1, 1, 1}, 1), of_length(27));
  check(conv({2, 16, 9, 11}, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, 1), of_length(144));
  check(conv({1, 40, 7, 7}, {33, 40, 1, 1}, {1, 1}, {0, 0, 0, 0}, 1), of_length(40));
  check(conv({1, 24, 12, 10}, {24, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, 24), of_length(9));
}

TEST(Dense, matrix_products) {
  check(TacticRow("MatMul").input(random_tensor({7, 33}, 1)).constant_input(random_tensor({33, 21}, 2)), of_length(33));
  check(TacticRow("MatMul").input(random_tensor({2, 3, 7, 33}, 1)).input(random_tensor({2, 3, 33, 21}, 2)), of_length(33));
}

}  // namespace
}  // namespace sinter::testing
