// Epilogue programs on convolutions and matrix products: in registers where they have the form, else by a tail on the tile's rows.
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr Tolerance kTolerance{2e-5, 2e-5};

struct Case {
  const char* program;
  std::vector<Dims> operands;
};

TacticRow conv(Dims input, Dims weight, int64_t stride, int64_t group) {
  TacticRow row("Conv");
  row.attr("strides", std::vector<int64_t>{stride, stride}).attr("pads", std::vector<int64_t>{1, 1, 1, 1}).attr("group", group);
  row.attr("dilations", std::vector<int64_t>{1, 1}).attr("kernel_shape", std::vector<int64_t>{3, 3});
  return row.input(random_tensor(input, 1)).constant_input(random_tensor(weight, 2, 0.2f)).constant_input(random_tensor({weight[0]}, 3));
}

void check_cases(const TacticRow& row, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    SCOPED_TRACE(one.program);
    std::vector<Tensor> operands;
    for (size_t i = 0; i < one.operands.size(); ++i) operands.push_back(random_tensor(one.operands[i], 10 + static_cast<uint32_t>(i)));
    TacticRow fused = row;
    fused.with_epilogue(one.program, std::move(operands));
    check(fused, kTolerance);
  }
}

// Output [2,19,6,5]: every way to broadcast, programs that are no chain, and starts that the kernels do in registers.
std::vector<Case> image_cases(int64_t c, int64_t h, int64_t w) {
  return {{"1 | relu(0) | 1", {}},
          {"2 | mul(0,1) | 2", {{c, 1, 1}}},
          {"2 | mul(0,1) | 2", {{2, c, 1, 1}}},
          {"2 | mul(1,0) sigmoid(2) | 3", {{2, 1, h, w}}},
          {"2 | sub(1,0) | 2", {{1, c, h, 1}}},
          {"2 | max(0,1) | 2", {{c, h, w}}},
          {"2 | max(0,1) | 2", {{w}}},
          {"2 | div(0,1) | 2", {{1}}},
          {"2 | mul(0,1) | 2", {Dims{}}},
          {"1 | sigmoid(0) mul(0,1) neg(2) | 3", {}},
          {"3 | add(0,1) relu(3) mul(4,2) const(0.5) add(5,6) | 7", {{2, c, h, w}, {2, c, h, w}}},
          {"4 | relu(0) add(4,1) mul(5,2) add(6,3) clip(7,3,2) | 8", {{2, c, h, w}, {2, c, h, w}, {1, c, 1, 1}}},
          {"2 | add(0,1) relu(2) add(2,3) | 4", {{2, c, h, w}}},
          {"2 | tanh(0) silu(2) add(3,1) add(4,1) | 5", {{1, c, 1, 1}}},
          {"1 | add(0,0) | 1", {}},
          {"2 | relu(0) | 1", {{2, c, h, w}}}};
}

TEST(DenseEpilogue, convolutions) {
  check_cases(conv({2, 3, 11, 9}, {19, 3, 3, 3}, 2, 1), image_cases(19, 6, 5));
  check_cases(conv({2, 20, 6, 5}, {19, 20, 3, 3}, 1, 1), image_cases(19, 6, 5));
  check_cases(conv({2, 70, 3, 4}, {70, 1, 3, 3}, 1, 70), image_cases(70, 3, 4));
}

TEST(DenseEpilogue, transposed_convolutions) {
  TacticRow row("ConvTranspose");
  row.attr("strides", std::vector<int64_t>{2, 1}).attr("pads", std::vector<int64_t>{1, 1, 1, 1}).attr("group", int64_t{2});
  row.attr("dilations", std::vector<int64_t>{1, 1}).attr("kernel_shape", std::vector<int64_t>{3, 3});
  row.input(random_tensor({2, 8, 3, 5}, 1)).constant_input(random_tensor({8, 10, 3, 3}, 2, 0.2f)).constant_input(random_tensor({20}, 3));
  check_cases(row, image_cases(20, 5, 5));
}

TEST(DenseEpilogue, matrix_products) {
  const std::vector<Case> cases = {{"2 | mul(0,1) | 2", {{37}}},
                                   {"2 | mul(0,1) | 2", {{5, 1}}},
                                   {"2 | mul(0,1) | 2", {{3, 1, 37}}},
                                   {"2 | sub(0,1) exp(2) | 3", {{3, 5, 1}}},
                                   {"3 | add(0,1) gelu(3) mul(4,2) | 5", {{37}, {3, 5, 37}}},
                                   {"3 | const(0.125) mul(0,3) add(4,1) where(2,5,0) | 6", {{1, 1, 37}, {3, 1, 37}}}};
  check_cases(TacticRow("MatMul").input(random_tensor({3, 5, 24}, 1)).constant_input(random_tensor({24, 37}, 2, 0.2f)), cases);
  check_cases(TacticRow("MatMul").input(random_tensor({3, 5, 24}, 1)).input(random_tensor({3, 24, 37}, 2, 0.2f)), cases);
}

TEST(DenseEpilogue, nan_and_infinities_stay) {
  TacticRow row("MatMul");
  row.input(random_tensor({9, 6}, 1, 1, true)).constant_input(random_tensor({6, 33}, 2));
  row.with_epilogue("2 | mul(0,1) max(2,0) | 3", {random_tensor({9, 33}, 3, 1, true)});
  check(row, kTolerance);
}

}  // namespace
}  // namespace sinter::testing
