#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

// CUDA's math functions are within a few units in the last place of libm's, and its compiler fuses products with sums: where a sum cancels, what is
// left has the product's rounding error (of values up to about ten).
constexpr Tolerance kFewUlp{2e-6, 1e-6};

TacticRow program(const std::string& text) {
  TacticRow row("Pointwise", "sinter");
  row.attr("program", text).attr("dtypes", std::vector<int64_t>{int64_t{static_cast<int>(DType::kF32)}});
  return row;
}

TEST(Pointwise, sizes_that_do_not_fill_vectors) {
  for (int64_t count : {1, 2, 3, 4, 5, 31, 1023, 1024, 1025, 4099}) {
    TacticRow row = program("2 | add(0,1) relu(2) | 3");
    row.input(random_tensor({count}, 1, 1, true)).input(random_tensor({count}, 2, 1, true));
    check(row, {});
  }
}

TEST(Pointwise, operands_that_broadcast) {
  const std::vector<std::pair<Dims, Dims>> pairs = {
      {{2, 8, 5, 7}, {1, 8, 1, 1}}, {{2, 8, 5, 7}, {8, 1, 1}}, {{2, 8, 5, 7}, {7}},         {{2, 8, 5, 7}, {2, 1, 5, 1}},
      {{2, 8, 5, 8}, {8}},          {{3, 16, 4, 4}, {}},       {{3, 16, 4, 4}, {1, 1, 1, 1}}, {{3, 16, 4, 4}, {3, 1, 1, 4}},
      {{1, 128, 768}, {768}},       {{1, 128, 768}, {1, 128, 1}}, {{4, 4}, {4, 1}},          {{2, 3, 4, 5, 6, 2}, {3, 1, 5, 1, 2}}};
  for (const auto& [dims, operand] : pairs) {
    TacticRow row = program("2 | mul(0,1) const(0.5) add(2,3) | 4");
    row.input(random_tensor(dims, 1)).input(random_tensor(operand, 2));
    check(row, kFewUlp);
  }
}

TEST(Pointwise, both_operands_broadcast) {
  TacticRow row("Add");
  row.input(random_tensor({5, 1, 7}, 1)).input(random_tensor({1, 6, 1}, 2));
  check(row, {});
}

TEST(Pointwise, narrow_types_and_several_results) {
  for (DType dtype : {DType::kF16, DType::kBF16}) {
    TacticRow row("Mul");
    row.input(random_tensor({3, 8, 5, 5}, 1).cast(dtype)).input(random_tensor({8, 1, 1}, 2).cast(dtype));
    check(row, {});
  }
  TacticRow less("Less");
  less.input(random_tensor({3, 41}, 1, 1, true)).input(random_tensor({41}, 2, 1, true));
  check(less, {});
  TacticRow where("Where");
  where.input(random_integers(DType::kBool, {3, 41}, 0, 1, 3)).input(random_tensor({3, 41}, 4, 1, true)).input(random_tensor({41}, 5));
  check(where, {});
}

// Programs of many results, so that few texts are compiled.
void check_instructions(const std::vector<PointwiseOp>& ops, Tolerance tolerance) {
  const Tensor values = random_tensor({8192}, 7, 3, true);
  for (size_t begin = 0; begin < ops.size(); begin += 16) {
    PointwiseProgram code;
    code.inputs = 1;
    const int16_t b = code.append_constant(0.25f), c = code.append_constant(0.75f);
    std::vector<int64_t> dtypes;
    for (size_t i = begin; i < std::min(begin + 16, ops.size()); ++i) {
      const int arity = pointwise_op_arity(ops[i]);
      code.outputs.push_back(arity == 1 ? code.append(ops[i], {0}) : arity == 2 ? code.append(ops[i], {0, b}) : code.append(ops[i], {0, b, c}));
      dtypes.push_back(static_cast<int>(DType::kF32));
    }
    TacticRow row("Pointwise", "sinter");
    row.attr("program", code.to_string()).attr("dtypes", dtypes).input(values);
    row.outputs = static_cast<int>(dtypes.size());
    SCOPED_TRACE(code.to_string());
    check(row, tolerance);
  }
}

TEST(Pointwise, every_instruction_as_evaluated_by_core) {
  std::vector<PointwiseOp> ops;
  for (int i = 0; static_cast<PointwiseOp>(i) <= PointwiseOp::kSelu; ++i) {
    const auto op = static_cast<PointwiseOp>(i);
    // Formulas that cancel near zero lose relative accuracy in any f32 arithmetic; they have a bound of their own.
    const bool cancels = op == PointwiseOp::kGelu || op == PointwiseOp::kGeluTanh || op == PointwiseOp::kMish;
    if (op != PointwiseOp::kConst && !cancels) ops.push_back(op);
  }
  check_instructions(ops, kFewUlp);
  check_instructions({PointwiseOp::kGelu, PointwiseOp::kGeluTanh, PointwiseOp::kMish}, {2e-6, 2e-6});
}

}  // namespace
}  // namespace sinter::testing
