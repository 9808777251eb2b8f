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

TacticRow conv_transpose(Dims input, Dims weight, std::vector<int64_t> strides, std::vector<int64_t> pads, std::vector<int64_t> output_padding,
                         std::vector<int64_t> dilations, int64_t group) {
  const size_t axes = weight.size() - 2;
  TacticRow row("ConvTranspose");
  row.attr("strides", std::move(strides)).attr("pads", std::move(pads)).attr("group", group).attr("dilations", std::move(dilations));
  row.attr("output_padding", std::move(output_padding)).attr("kernel_shape", std::vector<int64_t>(weight.end() - static_cast<std::ptrdiff_t>(axes), weight.end()));
  const int64_t out = weight[1] * group;
  row.input(random_tensor(input, 1)).constant_input(random_tensor(weight, 2)).constant_input(random_tensor({out}, 3));
  return row;
}

TEST(Dense, transposed_convolutions) {
  check(conv_transpose({1, 8, 5, 7}, {8, 12, 2, 2}, {2, 2}, {0, 0, 0, 0}, {0, 0}, {1, 1}, 1), of_length(8));
  check(conv_transpose({2, 17, 6, 5}, {17, 19, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, {1, 1}, 1), of_length(17 * 4));
  check(conv_transpose({1, 12, 4, 9}, {12, 5, 4, 3}, {1, 3}, {2, 0, 1, 1}, {0, 2}, {2, 1}, 3), of_length(16));
  check(conv_transpose({2, 6, 11}, {6, 7, 5}, {3}, {2, 1}, {1}, {1}, 1), of_length(12));
  check(conv_transpose({1, 4, 3, 3}, {4, 4, 1, 1}, {3, 3}, {0, 0, 0, 0}, {0, 0}, {1, 1}, 1), of_length(4));  // phases without a tap
  TacticRow same = conv_transpose({1, 5, 6, 4}, {5, 20, 3, 4}, {2, 2}, {0, 0, 0, 0}, {0, 0}, {1, 1}, 1);
  same.attributes.set("auto_pad", std::string("SAME_UPPER"));
  check(same, of_length(40));
  TacticRow lower = conv_transpose({1, 5, 6, 4}, {5, 20, 3, 4}, {2, 3}, {0, 0, 0, 0}, {1, 2}, {1, 1}, 1);
  lower.attributes.set("auto_pad", std::string("SAME_LOWER"));
  check(lower, of_length(40));
  TacticRow sized = conv_transpose({1, 5, 6, 4}, {5, 20, 4, 4}, {2, 2}, {0, 0, 0, 0}, {0, 0}, {1, 1}, 1);
  sized.attributes.set("output_shape", std::vector<int64_t>{11, 9});
  check(sized, of_length(40));
  TacticRow fused = conv_transpose({1, 9, 5, 4}, {9, 18, 3, 3}, {2, 1}, {1, 1, 1, 1}, {0, 0}, {1, 1}, 1);
  fused.with_epilogue("2 | add(0,1) relu(2) | 3", {random_tensor({1, 18, 9, 4}, 4)});
  check(fused, of_length(40));
}

TEST(Dense, matrix_products) {
  check(TacticRow("MatMul").input(random_tensor({7, 33}, 1)).constant_input(random_tensor({33, 21}, 2)), of_length(33));
  check(TacticRow("MatMul").input(random_tensor({2, 3, 7, 33}, 1)).input(random_tensor({2, 3, 33, 21}, 2)), of_length(33));
}

}  // namespace
}  // namespace sinter::testing
