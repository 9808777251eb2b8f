#include "core/pointwise.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

namespace sinter {
namespace {

float run(const std::string& text, std::vector<float> inputs) {
  const auto program = PointwiseProgram::parse(text);
  EXPECT_TRUE(program.ok()) << program.status().to_string();
  inputs.resize(program->operand_count());
  program->evaluate(inputs.data());
  return inputs[program->outputs[0]];
}

TEST(Pointwise, text_round_trip_keeps_bits) {
  PointwiseProgram program;
  program.inputs = 1;
  const float values[] = {0.1f, -0.0f, 1e-45f, 3.4028235e38f, HUGE_VALF, -HUGE_VALF, std::nanf(""), std::bit_cast<float>(0xffc01234u)};
  for (const float value : values) program.outputs.push_back(program.append(PointwiseOp::kAdd, {0, program.append_constant(value)}));
  const auto again = PointwiseProgram::parse(program.to_string());
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  ASSERT_EQ(again->code.size(), program.code.size());
  for (size_t i = 0; i < program.code.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint32_t>(again->code[i].constant), std::bit_cast<uint32_t>(program.code[i].constant));
  }
  EXPECT_EQ(again->to_string(), program.to_string());
  EXPECT_EQ(program.append_constant(0.1f), 1);  // an equal constant is reused
  EXPECT_NE(program.append_constant(0.0f), program.append_constant(-0.0f));
}

TEST(Pointwise, parse_refuses_bad_programs) {
  for (const char* text : {"", "x", "1", "1 |", "1 | |", "1 | relu(1) | 1", "1 | relu(0) | 2", "1 | relu(0 | 1", "1 | foo(0) | 1",
                           "-1 | | 0", "1 | add(0) | 1", "1 | add(0,0,0) | 1", "1 | const(x) | 1", "1 | relu(-1) | 1",
                           "99999 | | 0", "1 | relu(0) | 1 x", "1 | const() | 1", "1 | relu(99999999999999999999) | 1"}) {
    EXPECT_FALSE(PointwiseProgram::parse(text).ok()) << text;
  }
  std::string long_program = "1 |";
  for (int i = 0; i < 9000; ++i) long_program += " relu(0)";
  EXPECT_FALSE(PointwiseProgram::parse(long_program + " | 1").ok());
}

TEST(Pointwise, parse_survives_mutations) {
  std::mt19937 random(11);
  const std::string seed = "3 | add(0,1) const(0.5) mul(3,4) where(2,5,0) clip(6,0,4) gelu_tanh(7) | 8 3";
  for (int round = 0; round < 20000; ++round) {
    std::string text = seed;
    for (size_t n = 1 + random() % 4; n > 0; --n) {
      const size_t at = random() % text.size();
      if (random() % 3 == 0) text.erase(at, 1 + random() % 5);
      else text[at] = static_cast<char>(random() % 256);
      if (text.empty()) text = " ";
    }
    const auto program = PointwiseProgram::parse(text);
    if (!program.ok()) continue;
    std::vector<float> operands(program->operand_count(), 1.0f);
    program->evaluate(operands.data());
    EXPECT_TRUE(PointwiseProgram::parse(program->to_string()).ok());
  }
}

TEST(Pointwise, composition_equals_doing_both) {
  const auto producer = *PointwiseProgram::parse("2 | add(0,1) const(2) mul(2,3) | 4 2");
  const auto consumer = *PointwiseProgram::parse("3 | const(2) sub(0,1) mul(4,2) mul(5,3) | 6 1");
  const PointwiseProgram both = compose(producer, 0, consumer, 1);
  EXPECT_EQ(both.inputs, 4);
  const float a = 3, b = 5, c = 100, d = 7;
  std::vector<float> operands(both.operand_count());
  operands = {a, b, c, d};
  operands.resize(both.operand_count());
  both.evaluate(operands.data());
  const float middle = (a + b) * 2;
  EXPECT_EQ(operands[both.outputs[0]], (c - middle) * d * 2);
  EXPECT_EQ(operands[both.outputs[1]], middle);
  EXPECT_TRUE(PointwiseProgram::parse(both.to_string()).ok());
}

TEST(Pointwise, special_values) {
  const float nan = std::nanf(""), inf = HUGE_VALF;
  EXPECT_TRUE(std::isnan(run("1 | relu(0) | 1", {nan})));
  EXPECT_EQ(run("1 | relu(0) | 1", {-inf}), 0);
  EXPECT_TRUE(std::isnan(run("2 | min(0,1) | 2", {nan, 1})));
  EXPECT_TRUE(std::isnan(run("2 | max(0,1) | 2", {1, nan})));
  EXPECT_TRUE(std::isnan(run("1 | const(0) const(6) clip(0,1,2) | 3", {nan})));
  EXPECT_EQ(run("1 | const(0) const(6) clip(0,1,2) | 3", {inf}), 6);
  EXPECT_EQ(run("1 | round(0) | 1", {2.5f}), 2);
  EXPECT_EQ(run("1 | round(0) | 1", {-1.5f}), -2);
  EXPECT_EQ(run("1 | sigmoid(0) | 1", {-200}), 0);
  EXPECT_EQ(run("1 | softplus(0) | 1", {100}), 100);
  EXPECT_TRUE(std::isnan(run("1 | softplus(0) | 1", {nan})));
  EXPECT_EQ(run("1 | softplus(0) | 1", {inf}), inf);
  EXPECT_EQ(run("1 | not(0) | 1", {nan}), 0);
  EXPECT_EQ(run("1 | isnan(0) | 1", {nan}), 1);
  EXPECT_EQ(run("2 | fmod(0,1) | 2", {-5, 3}), -2);
  EXPECT_EQ(run("3 | where(0,1,2) | 3", {0, 1, 2}), 2);
  EXPECT_EQ(run("3 | fma(0,1,2) | 3", {1 + 0x1p-12f, 1 + 0x1p-12f, -1 - 0x1p-11f}), 0x1p-24f);  // rounded once
  EXPECT_FLOAT_EQ(run("1 | const(1.67326319) const(1.05070102) selu(0,1,2) | 3", {-1}), 1.05070102f * 1.67326319f * std::expm1(-1.0f));
  EXPECT_FLOAT_EQ(run("1 | const(2) celu(0,1) | 2", {-1}), 2 * std::expm1(-0.5f));
  EXPECT_EQ(run("1 | const(0.2) const(0.5) hard_sigmoid(0,1,2) | 3", {1}), 0.7f);
}

}  // namespace
}  // namespace sinter
