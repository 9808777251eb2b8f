// Rows of the elementwise operators: values that hurt (NaN, infinities, signed zeros, wraparound), broadcasting, every
// kind of type, and for float ones the pointwise program against the kernel.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/op_harness.h"

namespace sinter::testing {
namespace {

const double kInf = HUGE_VAL, kNan = std::nan("");

void expect_unary(const std::string& op, const std::vector<double>& x, const std::vector<double>& y,
                  double tolerance = 1e-6) {
  SCOPED_TRACE(op);
  const Dims dims{static_cast<int64_t>(x.size())};
  OpRow(op).input(f32(dims, x)).expect(f32(dims, y), tolerance);
  OpRow(op).input(typed(DType::kF64, dims, x)).expect(typed(DType::kF64, dims, y), tolerance);
  // One rounding: the result is the nearest f16 or bf16.
  OpRow(op).input(typed(DType::kF16, dims, x)).run();
  OpRow(op).input(typed(DType::kBF16, dims, x)).run();
}

TEST(Unary, MathFunctions) {
  expect_unary("Acos", {1, 0, -1, 2}, {0, M_PI / 2, M_PI, kNan});
  expect_unary("Acosh", {1, 2, 0.5}, {0, std::acosh(2), kNan});
  expect_unary("Asin", {0, 1, -2}, {0, M_PI / 2, kNan});
  expect_unary("Asinh", {0, 1, -1}, {0, std::asinh(1), -std::asinh(1)});
  expect_unary("Atan", {0, kInf, -kInf}, {0, M_PI / 2, -M_PI / 2});
  expect_unary("Atanh", {0, 1, -1, 2}, {0, kInf, -kInf, kNan});
  expect_unary("Ceil", {1.5, -1.5, 2, kInf, kNan}, {2, -1, 2, kInf, kNan});
  expect_unary("Floor", {1.5, -1.5, 2, -kInf, kNan}, {1, -2, 2, -kInf, kNan});
  expect_unary("Round", {0.5, 1.5, 2.5, -0.5, -2.5, kInf}, {0, 2, 2, 0, -2, kInf});
  expect_unary("Cos", {0, kInf}, {1, kNan});
  expect_unary("Cosh", {0, 1}, {1, std::cosh(1)});
  expect_unary("Erf", {0, kInf, -kInf, 0.5}, {0, 1, -1, std::erf(0.5)});
  expect_unary("Exp", {0, 1, -kInf, kInf}, {1, M_E, 0, kInf});
  expect_unary("Log", {1, 0, -1, kInf}, {0, -kInf, kNan, kInf});
  expect_unary("Reciprocal", {2, -0.5, kInf}, {0.5, -2, 0});
  expect_unary("Sin", {0, M_PI / 2}, {0, 1});
  expect_unary("Sinh", {0, 1}, {0, std::sinh(1)});
  expect_unary("Sqrt", {4, 0, -1}, {2, 0, kNan});
  expect_unary("Tan", {0, 1}, {0, std::tan(1)});
  expect_unary("Tanh", {0, kInf, -kInf}, {0, 1, -1});
}

TEST(Unary, Activations) {
  expect_unary("Relu", {-1, 0, 2, kNan}, {0, 0, 2, kNan});
  expect_unary("LeakyRelu", {-1, 0, 2}, {-0.01, 0, 2});
  expect_unary("Elu", {-1, 2}, {std::expm1(-1), 2});
  expect_unary("Celu", {-1, 2, kNan}, {std::expm1(-1), 2, kNan});
  expect_unary("Selu", {-1, 2}, {1.0507009873554805 * 1.6732632423543772 * std::expm1(-1), 2 * 1.0507009873554805},
               1e-5);
  expect_unary("Sigmoid", {0, 1000, -1000, kNan}, {0.5, 1, 0, kNan});
  expect_unary("HardSigmoid", {0, 10, -10, kNan}, {0.5, 1, 0, kNan});
  expect_unary("HardSwish", {0, 4, -4, 1, kNan}, {0, 4, 0, 4.0 / 6, kNan});
  expect_unary("Softplus", {0, 1000, -1000}, {std::log(2), 1000, 0});
  expect_unary("Softsign", {1, -3}, {0.5, -0.75});
  expect_unary("ThresholdedRelu", {1, 1.5, -3}, {0, 1.5, 0});
  expect_unary("ThresholdedRelu", {NAN, INFINITY, -INFINITY}, {0, INFINITY, 0});
  expect_unary("Mish", {0, 1000, -1000}, {0, 1000, 0});
  expect_unary("Gelu", {0, 1, -1}, {0, 0.8413447460685429, -0.15865525393145707});
  expect_unary("Swish", {0, 1}, {0, 1 / (1 + std::exp(-1))});
  OpRow("Gelu")
      .attr("approximate", std::string("tanh"))
      .input(f32({1}, {1}))
      .expect(f32({1}, {0.8411919906082768}), 1e-6);
  OpRow("Gelu").attr("approximate", std::string("fast")).input(f32({1}, {1})).expect_error("'fast'");
  OpRow("Swish").attr("alpha", 2.0f).input(f32({1}, {1})).expect(f32({1}, {1 / (1 + std::exp(-2))}), 1e-6);
  OpRow("SwiGLU")
      .input(f32({2}, {1, -1}))
      .input(f32({2}, {2, 4}))
      .expect(f32({2}, {2 / (1 + std::exp(-1)), -4 / (1 + std::exp(1))}), 1e-6);
  OpRow("SwiGLU").input(f32({2}, {1, -1})).input(f32({1}, {2})).expect_error("equal shapes");
  OpRow("PRelu").input(f32({2}, {-1, 1})).input(f32({1}, {3})).expect(f32({2}, {-3, 1}));
  OpRow("PRelu").input(f32({1}, {-1})).input(f32({2}, {3, 4})).expect_infer_error("broadcasts to it");
  OpRow("PRelu").input(f32({1}, {-1})).input(f32({1, 1}, {3})).expect_error("broadcasts to it");
}

TEST(Unary, Integers) {
  OpRow("Abs").input(typed(DType::kI8, {3}, {-128, -1, 5})).expect(typed(DType::kI8, {3}, {-128, 1, 5}));
  OpRow("Neg").input(typed(DType::kI8, {3}, {-128, -1, 5})).expect(typed(DType::kI8, {3}, {-128, 1, -5}));
  OpRow("Neg").input(i64({2}, {3, -4})).expect(i64({2}, {-3, 4}));
  OpRow("Sign").input(typed(DType::kU8, {2}, {0, 200})).expect(typed(DType::kU8, {2}, {0, 1}));
  OpRow("Sign").input(f32({4}, {-0.0, 3, -2, kNan})).expect(f32({4}, {0, 1, -1, kNan}));
  OpRow("Relu").input(typed(DType::kI32, {2}, {-7, 7})).expect(typed(DType::kI32, {2}, {0, 7}));
  OpRow("BitwiseNot").input(typed(DType::kU16, {2}, {0, 65535})).expect(typed(DType::kU16, {2}, {65535, 0}));
  OpRow("Not").input(typed(DType::kBool, {2}, {0, 1})).expect(typed(DType::kBool, {2}, {1, 0}));
  OpRow("Shrink")
      .attr("lambd", 1.5f)
      .attr("bias", 1.5f)
      .input(typed(DType::kI32, {3}, {-2, 0, 3}))
      .expect(typed(DType::kI32, {3}, {0, 0, 1}));
  OpRow("Sin").input(i64({1}, {1})).expect_error("Cast");
}

TEST(Unary, Tests) {
  OpRow("IsInf").input(f32({4}, {kInf, -kInf, 1, kNan})).expect(typed(DType::kBool, {4}, {1, 1, 0, 0}));
  OpRow("IsInf")
      .attr("detect_negative", int64_t{0})
      .input(f32({2}, {kInf, -kInf}))
      .expect(typed(DType::kBool, {2}, {1, 0}));
  OpRow("IsNaN").input(typed(DType::kF8E4M3FN, {2}, {kNan, 1})).expect(typed(DType::kBool, {2}, {1, 0}));
}

TEST(Unary, Clip) {
  OpRow("Clip")
      .input(f32({4}, {-5, 0.5, 5, kNan}))
      .input(f32({}, {-1}))
      .input(f32({}, {1}))
      .expect(f32({4}, {-1, 0.5, 1, kNan}));
  OpRow("Clip").input(f32({2}, {-5, 5})).absent().input(f32({}, {1})).expect(f32({2}, {-5, 1}));
  OpRow("Clip").input(f32({2}, {-5, 5})).input(f32({}, {2})).input(f32({}, {1})).expect(f32({2}, {1, 1}));
  OpRow("Clip")
      .input(typed(DType::kU8, {2}, {0, 255}))
      .input(typed(DType::kU8, {}, {9}))
      .expect(typed(DType::kU8, {2}, {9, 255}));
  OpRow("Clip").input(f32({1}, {1})).input(i64({}, {0})).expect_error("f32");
}

TEST(Binary, Broadcasting) {
  OpRow("Add")
      .input(f32({2, 3}, {0, 1, 2, 3, 4, 5}))
      .input(f32({3}, {10, 20, 30}))
      .expect(f32({2, 3}, {10, 21, 32, 13, 24, 35}));
  OpRow("Sub").input(f32({2, 1}, {1, 2})).input(f32({1, 3}, {0, 1, 2})).expect(f32({2, 3}, {1, 0, -1, 2, 1, 0}));
  OpRow("Mul").input(f32({}, {3})).input(f32({2, 1, 2}, {1, 2, 3, 4})).expect(f32({2, 1, 2}, {3, 6, 9, 12}));
  OpRow("Add").input(f32({0, 3}, {})).input(f32({1, 3}, {1, 2, 3})).expect(f32({0, 3}, {}));
  OpRow("Add").input(f32({2}, {1, 2})).input(f32({3}, {1, 2, 3})).expect_error("[3]");
  OpRow("Add").input(f32({2}, {1, 2})).input(f32({3}, {1, 2, 3})).expect_infer_error("[3]");
  // Middle axes broadcast, outer and inner ones do not.
  OpRow("Add")
      .input(f32({2, 1, 2}, {1, 2, 3, 4}))
      .input(f32({2, 2, 2}, {0, 0, 10, 10, 20, 20, 30, 30}))
      .expect(f32({2, 2, 2}, {1, 2, 11, 12, 23, 24, 33, 34}));
}

TEST(Binary, IntegersWrapAndTruncate) {
  OpRow("Add")
      .input(typed(DType::kI8, {1}, {127}))
      .input(typed(DType::kI8, {1}, {1}))
      .expect(typed(DType::kI8, {1}, {-128}));
  OpRow("Sub")
      .input(typed(DType::kU8, {1}, {0}))
      .input(typed(DType::kU8, {1}, {1}))
      .expect(typed(DType::kU8, {1}, {255}));
  OpRow("Mul")
      .input(typed(DType::kU16, {1}, {65535}))
      .input(typed(DType::kU16, {1}, {65535}))
      .expect(typed(DType::kU16, {1}, {1}));
  OpRow("Div").input(i64({4}, {7, -7, 7, -7})).input(i64({4}, {2, 2, -2, -2})).expect(i64({4}, {3, -3, -3, 3}));
  OpRow("Div")
      .input(typed(DType::kI32, {2}, {-2147483648.0, 5}))
      .input(typed(DType::kI32, {2}, {-1, 0}))
      .expect(typed(DType::kI32, {2}, {-2147483648.0, 0}));
  OpRow("Mod").input(i64({4}, {7, -7, 7, -7})).input(i64({4}, {3, 3, -3, -3})).expect(i64({4}, {1, 2, -2, -1}));
  OpRow("Mod")
      .attr("fmod", int64_t{1})
      .input(i64({4}, {7, -7, 7, -7}))
      .input(i64({4}, {3, 3, -3, -3}))
      .expect(i64({4}, {1, -1, 1, -1}));
  OpRow("Mod")
      .input(f32({5}, {-4.3, 4.3, kInf, 1, -1}))
      .input(f32({5}, {2.1, -2.1, 1, kInf, kInf}))
      .expect(f32({5}, {2.0, -2.0, kNan, 1, kInf}), 1e-5);
  OpRow("Pow")
      .input(typed(DType::kI32, {3}, {2, -2, 3}))
      .input(i64({3}, {10, 3, -1}))
      .expect(typed(DType::kI32, {3}, {1024, -8, 0}));
  OpRow("Pow").input(f32({2}, {2, 4})).input(typed(DType::kI32, {2}, {-1, 2})).expect(f32({2}, {0.5, 16}));
  OpRow("Pow").input(i64({1}, {4})).input(f32({1}, {0.5})).expect(i64({1}, {2}));
  OpRow("BitShift")
      .attr("direction", std::string("LEFT"))
      .input(typed(DType::kU8, {3}, {1, 255, 1}))
      .input(typed(DType::kU8, {3}, {7, 1, 8}))
      .expect(typed(DType::kU8, {3}, {128, 254, 0}));
  OpRow("BitShift")
      .attr("direction", std::string("RIGHT"))
      .input(typed(DType::kI8, {3}, {-128, -1, 64}))
      .input(typed(DType::kI8, {3}, {3, 100, -1}))
      .expect(typed(DType::kI8, {3}, {-16, -1, 0}));
  OpRow("BitwiseXor")
      .input(typed(DType::kU8, {1}, {12}))
      .input(typed(DType::kU8, {1}, {10}))
      .expect(typed(DType::kU8, {1}, {6}));
}

TEST(Binary, ComparisonsAndLogic) {
  const Tensor a = f32({4}, {1, 2, 3, kNan}), b = f32({4}, {2, 2, 2, kNan});
  OpRow("Less").input(a).input(b).expect(typed(DType::kBool, {4}, {1, 0, 0, 0}));
  OpRow("LessOrEqual").input(a).input(b).expect(typed(DType::kBool, {4}, {1, 1, 0, 0}));
  OpRow("Greater").input(a).input(b).expect(typed(DType::kBool, {4}, {0, 0, 1, 0}));
  OpRow("GreaterOrEqual").input(a).input(b).expect(typed(DType::kBool, {4}, {0, 1, 1, 0}));
  OpRow("Equal").input(a).input(b).expect(typed(DType::kBool, {4}, {0, 1, 0, 0}));
  OpRow("Equal").input(strings({2}, {"a", "b"})).input(strings({1}, {"b"})).expect(typed(DType::kBool, {2}, {0, 1}));
  OpRow("Xor")
      .input(typed(DType::kBool, {2, 1}, {0, 1}))
      .input(typed(DType::kBool, {2}, {0, 1}))
      .expect(typed(DType::kBool, {2, 2}, {0, 1, 1, 0}));
  OpRow("Equal").input(a).input(i64({1}, {1})).expect_error("one element type");
}

TEST(Variadic, FoldsAllInputs) {
  OpRow("Max").input(f32({2}, {1, kNan})).input(f32({2}, {3, 1})).input(f32({1}, {2})).expect(f32({2}, {3, kNan}));
  OpRow("Min").input(f32({2}, {1, 5})).input(f32({2}, {kNan, 1})).expect(f32({2}, {kNan, 1}));
  OpRow("Max").input(typed(DType::kU64, {1}, {3})).expect(typed(DType::kU64, {1}, {3}));
  OpRow("Sum")
      .input(f32({2}, {1, 2}))
      .input(f32({1}, {3}))
      .input(f32({2, 1}, {10, 20}))
      .expect(f32({2, 2}, {14, 15, 24, 25}));
  OpRow("Mean").input(f32({1}, {1})).input(f32({1}, {2})).expect(f32({1}, {1.5}));
  // One rounding: 2048 + 1 + 1 is 2050 in f16 only when the sum is wide.
  OpRow("Sum")
      .input(typed(DType::kF16, {1}, {2048}))
      .input(typed(DType::kF16, {1}, {1}))
      .input(typed(DType::kF16, {1}, {1}))
      .expect(typed(DType::kF16, {1}, {2050}));
}

TEST(Select, WhereAndBitCast) {
  OpRow("Where")
      .input(typed(DType::kBool, {2, 1}, {1, 0}))
      .input(i64({2}, {1, 2}))
      .input(i64({}, {9}))
      .expect(i64({2, 2}, {1, 2, 9, 9}));
  OpRow("Where")
      .input(typed(DType::kBool, {2}, {1, 0}))
      .input(strings({2}, {"a", "b"}))
      .input(strings({1}, {"c"}))
      .expect(strings({2}, {"a", "c"}));
  OpRow("BitCast").attr("to", int64_t{6}).input(f32({1}, {1})).expect(typed(DType::kI32, {1}, {0x3f800000}));
  OpRow("BitCast").attr("to", int64_t{7}).input(f32({1}, {1})).expect_error("equal width");
  OpRow("BitCast").attr("to", int64_t{99}).input(f32({1}, {1})).expect_infer_error("99");
}

// The pointwise program of every float operator computes what its kernel computes.
TEST(Pointwise, ProgramsAgreeWithKernels) {
  const std::vector<double> values{-2.5, -1, -0.25, 0, 0.4, 0.9, 1, 3, 7.5};
  const Dims dims{static_cast<int64_t>(values.size())};
  for (const OpDef* op : all_ops()) {
    if (!op->pointwise || !op->domain.empty() || !contains(op->types.front().tensors, DType::kF32)) continue;
    Attributes attributes;
    for (const AttrDef& attribute : op->attributes)
      if (attribute.default_value) attributes.set(attribute.name, *attribute.default_value);
    for (int inputs = 1; inputs <= 3; ++inputs) {
      PointwiseProgram program;
      if (op->name == "Where" || op->name == "Clip" || !op->pointwise(attributes, inputs, program)) continue;
      if (inputs > op->max_inputs()) continue;
      SCOPED_TRACE(op->name);
      OpRow row(op->name);
      std::vector<std::vector<double>> columns;
      for (int i = 0; i < inputs; ++i) {
        std::vector<double> column = values;
        std::rotate(column.begin(), column.begin() + i * 2, column.end());
        row.input(f32(dims, column));
        columns.push_back(column);
      }
      std::vector<double> wanted;
      for (size_t k = 0; k < values.size(); ++k) {
        std::vector<float> operands(static_cast<size_t>(program.operand_count()));
        for (int i = 0; i < inputs; ++i) operands[i] = static_cast<float>(columns[i][k]);
        program.evaluate(operands.data());
        wanted.push_back(operands[program.outputs[0]]);
      }
      const DType result =
          op->name == "Equal" || op->name.starts_with("Less") || op->name.starts_with("Greater") || op->name == "IsNaN"
              ? DType::kBool
              : DType::kF32;
      row.expect(typed(result, dims, wanted), 1e-6);
    }
  }
}

}  // namespace
}  // namespace sinter::testing
