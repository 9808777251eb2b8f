#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

// CUDA's math functions are within a few units in the last place of libm's, and its compiler fuses products with sums: where a sum cancels, what is
// left has the product's rounding error (of values up to about ten).
constexpr Tolerance kFewUlp{2e-6, 1e-6};

TacticRow program(const std::string& text, DType dtype = DType::kF32) {
  TacticRow row("Pointwise", "sinter");
  row.attr("program", text).attr("dtypes", std::vector<int64_t>{int64_t{static_cast<int>(dtype)}});
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

Tensor every_byte(DType dtype, const Dims& dims) {
  return random_integers(dtype, dims, dtype == DType::kI8 ? -128 : 0, dtype == DType::kI8 ? 127 : 255, 3);
}

// Scales whose quotients fall on halves, and others; zero points at both ends; results beyond the range, infinite ones too.
TEST(Pointwise, quantization_is_exact) {
  for (const int64_t count : {1, 3, 15, 16, 17, 4099}) {
    Tensor x = random_tensor({count}, 1, 40, false);
    for (int64_t i = 0; i < count; i += 3) x.data<float>()[i] = std::nearbyint(x.data<float>()[i] * 4) / 4;
    if (count > 100) x.data<float>()[7] = INFINITY, x.data<float>()[8] = -INFINITY, x.data<float>()[9] = 3e38f, x.data<float>()[10] = 1e-42f;
    for (const char* scale : {"0.5", "0.1", "0.0472", "3"}) {
      for (const char* zero : {"0", "-128", "127", "5"}) {
        check(program(fmt::format("1 | const({}) div(0,1) round(2) const({}) add(3,4) const(-128) const(127) clip(5,6,7) | 8", scale, zero), DType::kI8).input(x), {});
      }
    }
    check(program("1 | relu(0) const(0.3) div(1,2) round(3) const(-128) add(4,5) const(127) clip(6,5,7) | 8", DType::kI8).input(x), {});
    check(program("1 | const(0.7) div(0,1) round(2) const(255) add(3,4) const(0) clip(5,6,4) | 7", DType::kU8).input(x), {});
    check(program("1 | const(0.7) div(0,1) round(2) const(0) const(255) clip(3,4,5) | 6", DType::kU8).input(x), {});
    check(program("1 | round(0) const(-7) const(9) clip(1,2,3) | 4", DType::kI8).input(x), {});
  }
}

TEST(Pointwise, bytes_that_broadcast_and_meet_floats) {
  const std::string sum = "2 | const(12) sub(0,2) const(0.25) mul(3,4) const(0.5) mul(1,6) add(5,7) const(0.4) div(8,9) round(10) const(3) add(11,12) const({}) const({}) clip(13,14,15) | 16";
  const auto text = [&](DType dtype) { return fmt::format(fmt::runtime(sum), dtype == DType::kI8 ? -128 : 0, dtype == DType::kI8 ? 127 : 255); };
  const std::vector<std::pair<Dims, Dims>> pairs = {{{2, 32, 5, 7}, {1, 32, 1, 1}}, {{2, 32, 5, 7}, {2, 32, 5, 7}}, {{2, 17, 5, 7}, {17, 1, 1}}, {{3, 16, 4, 4}, {}},
                                                    {{2, 8, 5, 16}, {16}},          {{2, 8, 5, 16}, {2, 1, 5, 1}},  {{5, 1, 7}, {1, 6, 1}}};
  for (const DType out : {DType::kI8, DType::kU8}) {
    for (const auto& [dims, operand] : pairs) {
      // A GPU's compiler makes one rounding of a product and a sum: one step at most.
      check(program(text(out), out).input(every_byte(DType::kU8, dims)).input(every_byte(DType::kI8, operand)), {0, 1});
      check(program(text(out), out).input(every_byte(DType::kI8, dims)).input(random_tensor(operand, 2, 20).cast(DType::kF16)), {0, 1});
    }
  }
  check(program("2 | mul(0,1) | 2").input(every_byte(DType::kI8, {3, 41})).input(every_byte(DType::kU8, {41})), {});
  check(program("2 | add(0,1) const(0) const(255) clip(2,3,4) | 5", DType::kU8).input(every_byte(DType::kI8, {3, 64})).input(every_byte(DType::kU8, {3, 64})), {});
  TacticRow both("Pointwise", "sinter");
  both.attr("program", std::string("1 | const(2) div(0,1) round(2) const(-128) const(127) clip(3,4,5) const(0.5) mul(0,7) | 6 8"));
  both.attr("dtypes", std::vector<int64_t>{static_cast<int>(DType::kI8), static_cast<int>(DType::kF32)}).outputs = 2;
  check(both.input(random_tensor({2, 16, 3, 5}, 1, 90)), {});
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
  for (int i = 0; static_cast<PointwiseOp>(i) <= PointwiseOp::kFma; ++i) {
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
