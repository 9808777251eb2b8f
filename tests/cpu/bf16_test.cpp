// Rows for products of f32 by bf16 on AMX's registers, emulated where the machine has none; the kernels below have tests of their own
// (tests/cpu_kernels/conv_bf16_test.cpp).
#include "cpu/kernels/kernel_table.h"
#include "cpu_kernels/emulated_amx.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

class Bf16 : public ::testing::Test {
 protected:
  void SetUp() override {
#if defined(__x86_64__)
    if (has_isa(Isa::kAmx)) return;
    if (has_isa(Isa::kAvx512Vnni)) {
      static const cpu::KernelTable table = cpu::emulated_amx_table();
      cpu::emulate_amx(table);
      harness_isa() = Isa::kAmx;
      return;
    }
#endif
    leave_out({"cpu.conv_bf16", "cpu.matmul_bf16"});
    GTEST_SKIP() << "no AVX-512 VNNI, which the emulated registers are for";
  }
  void TearDown() override { harness_isa() = cpu_info().isa; }
};

// Operands are rounded at 2^-16 each, or split so that what is left out is 2^-15 of the products' sizes, whose mean is 0.64.
Tolerance of_length(int64_t n, bool bf16) { return {2e-5, (bf16 ? 0x1p-7 : 0x1p-15) * 0.8 * static_cast<double>(n) + 1e-5}; }

void check_both(const TacticRow& row, int64_t n) {
  TacticRow split = row;
  split.cpu_tf32 = true;
  check(split, of_length(n, false));
  TacticRow rounded = row;
  rounded.precision.bf16 = true;
  check(rounded, of_length(n, true));
}

TacticRow conv(Dims input, Dims weight, std::vector<int64_t> strides, std::vector<int64_t> pads, int64_t group) {
  TacticRow row("Conv");
  row.attr("strides", std::move(strides)).attr("pads", std::move(pads)).attr("group", group);
  row.attr("kernel_shape", std::vector<int64_t>(weight.begin() + 2, weight.end()));
  row.input(random_tensor(input, 1)).constant_input(random_tensor(weight, 2)).constant_input(random_tensor({weight[0]}, 3));
  return row;
}

TEST_F(Bf16, convolutions) {
  check_both(conv({1, 3, 17, 19}, {16, 3, 3, 3}, {2, 2}, {1, 1, 1, 1}, 1), 27);
  check_both(conv({2, 16, 9, 11}, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, 1), 144);
  check_both(conv({1, 41, 7, 7}, {33, 41, 1, 1}, {2, 2}, {0, 0, 0, 0}, 1), 41);
  check_both(conv({1, 64, 6, 5}, {32, 32, 3, 3}, {1, 1}, {1, 1, 1, 1}, 2), 288);
  check_both(conv({2, 20, 31}, {18, 20, 5}, {2}, {2, 1}, 1), 100);
  TacticRow fused = conv({1, 24, 8, 9}, {20, 24, 3, 3}, {1, 1}, {1, 1, 1, 1}, 1);
  fused.with_epilogue("2 | add(0,1) relu(2) | 3", {random_tensor({1, 20, 8, 9}, 4)});
  check_both(fused, 216);
  TacticRow dynamic = conv({2, 16, 9, 11}, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, 1);
  dynamic.shapes = {{Dim::symbol("n"), 16, Dim::symbol("h"), Dim::symbol("w")}, to_shape(Dims{24, 16, 3, 3}), to_shape(Dims{24})};
  check_both(dynamic, 144);
}

TEST_F(Bf16, matrix_products) {
  check_both(TacticRow("MatMul").input(random_tensor({7, 33}, 1)).constant_input(random_tensor({33, 21}, 2)), 33);
  check_both(TacticRow("MatMul").input(random_tensor({3, 70, 96}, 1)).constant_input(random_tensor({96, 130}, 2)), 96);
  check_both(TacticRow("MatMul").input(random_tensor({1, 200}, 1)).constant_input(random_tensor({200, 10}, 2)), 200);
  for (const int64_t transposed : {0, 1}) {
    TacticRow gemm("Gemm");
    gemm.attr("transB", transposed).input(random_tensor({19, 50}, 1)).constant_input(random_tensor(transposed ? Dims{40, 50} : Dims{50, 40}, 2)).constant_input(random_tensor({40}, 3));
    check_both(gemm, 50);
    gemm.with_epilogue("1 | relu(0) | 1");
    check_both(gemm, 50);
  }
}

// What is permitted decides which offers there are.
TEST_F(Bf16, offers_need_permission) {
  TacticRow row = conv({1, 16, 9, 11}, {24, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, 1);
  const std::vector<Value> wanted = reference_outputs(row);
  for (const auto& [tf32, bf16] : {std::pair{false, false}, {true, false}, {false, true}, {true, true}}) {
    row.cpu_tf32 = tf32;
    row.precision.bf16 = bf16;
    Answer answer;
    const Tactic* tactic = tactic_registry().find("cpu.conv_bf16");
    ASSERT_NE(tactic, nullptr);
    tactic->query(make_problem(row, wanted, 1), answer);
    EXPECT_EQ(answer.offers.size(), static_cast<size_t>(tf32 + bf16));
    EXPECT_EQ(answer.declines.size(), 2 - answer.offers.size());
  }
}

}  // namespace
}  // namespace sinter::testing
