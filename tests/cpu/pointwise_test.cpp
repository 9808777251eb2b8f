#include <bit>

#include "cpu/kernels/pointwise_tile.h"
#include "support/tactic_harness.h"

namespace sinter::testing {
namespace {

constexpr Tolerance kFewUlp{6e-7, 1e-37};

std::vector<Isa> isas() {
  std::vector<Isa> out{Isa::kBaseline};
  for (const Isa isa : {Isa::kAvx2, Isa::kAvx512}) {
    if (has_isa(isa)) out.push_back(isa);
  }
  return out;
}

// Values over all magnitudes, with every special one.
std::vector<float> hard_values() {
  std::vector<float> values = {0.0f, -0.0f, 1, -1, 0.5f, -0.5f, 2.5f, -2.5f, HUGE_VALF, -HUGE_VALF, std::nanf(""), 1e-45f, -1e-45f,
                               1.17549435e-38f, 3.4e38f, -3.4e38f, 88.7f, 88.8f, -87.4f, -103.9f, -104.1f, 20.0f, 10.0f, -10.0f};
  std::mt19937 random(5);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<uint32_t>(random()));
    values.push_back(value);
    values.push_back(static_cast<float>(static_cast<int32_t>(random())) * 0x1p-27f);  // within [-16, 16]
  }
  return values;
}

// Distance in units of the last place of the wanted value.
double ulps(float got, float wanted) {
  if (got == wanted || (std::isnan(got) && std::isnan(wanted))) return 0;
  if (!std::isfinite(got) || !std::isfinite(wanted)) return HUGE_VAL;
  const double unit = std::ldexp(1.0, std::max(std::ilogb(std::fabs(wanted) > 0 ? wanted : 1e-45f) - 23, -149));
  return std::fabs(static_cast<double>(got) - static_cast<double>(wanted)) / unit;
}

double worst(PointwiseOp op, Isa isa, const std::vector<float>& values, float b, float c, float& at) {
  PointwiseProgram program;
  const int arity = pointwise_op_arity(op);
  program.inputs = 1;
  const int16_t second = arity > 1 ? program.append_constant(b) : int16_t{-1};
  const int16_t third = arity > 2 ? program.append_constant(c) : int16_t{-1};
  if (arity == 1) program.outputs = {program.append(op, {0})};
  if (arity == 2) program.outputs = {program.append(op, {0, second})};
  if (arity == 3) program.outputs = {program.append(op, {0, second, third})};
  const cpu::PointwiseTile tile(program, isa);
  std::vector<float> out(values.size()), scratch(static_cast<size_t>(tile.scratch_floats()));
  const cpu::PointwiseOperand operand{values.data(), false};
  float* target = out.data();
  tile.run(&operand, &target, static_cast<int64_t>(values.size()), scratch.data());
  double most = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double distance = ulps(out[i], evaluate_pointwise(op, values[i], b, c));
    if (distance > most) {
      most = distance;
      at = values[i];
    }
  }
  return most;
}

TEST(PointwiseTile, every_instruction_is_within_a_few_ulp_of_libm) {
  const std::vector<float> values = hard_values();
  for (const Isa isa : isas()) {
    for (int i = 0; i < cpu::kPointwiseOpCount; ++i) {
      const auto op = static_cast<PointwiseOp>(i);
      if (op == PointwiseOp::kConst) continue;
      for (const auto& [b, c] : {std::pair{0.25f, 0.75f}, std::pair{2.0f, 3.0f}, std::pair{-1.5f, 0.5f}}) {
        float at = 0;
        const double most = worst(op, isa, values, b, c, at);
        // gelu and its kin lose the sum 1 + erf(x) near -1 in any float formula; they are checked against a bound below.
        const bool cancels = op == PointwiseOp::kGelu || op == PointwiseOp::kGeluTanh || op == PointwiseOp::kMish;
        if (cancels || (op == PointwiseOp::kCelu && b < 0)) continue;  // a negative alpha of celu makes no sense
        EXPECT_LE(most, 4.0) << pointwise_op_name(op) << " with " << b << ", " << c << " at " << at << " on " << isa_name(isa);
      }
    }
  }
}

TEST(PointwiseTile, random_programs_agree_with_evaluation) {
  std::mt19937 random(17);
  const PointwiseOp ops[] = {PointwiseOp::kAdd, PointwiseOp::kMul, PointwiseOp::kSub, PointwiseOp::kMax, PointwiseOp::kRelu,
                             PointwiseOp::kNeg, PointwiseOp::kWhere, PointwiseOp::kClip, PointwiseOp::kLess, PointwiseOp::kAbs};
  for (int round = 0; round < 300; ++round) {
    PointwiseProgram program;
    program.inputs = 1 + static_cast<int>(random() % 4);
    const int length = 1 + static_cast<int>(random() % 12);
    for (int i = 0; i < length; ++i) {
      const auto pick = [&] { return static_cast<int16_t>(random() % static_cast<uint32_t>(program.operand_count())); };
      if (random() % 5 == 0) {
        program.append_constant(static_cast<float>(random() % 7) - 3);
        continue;
      }
      const PointwiseOp op = ops[random() % 10];
      const int arity = pointwise_op_arity(op);
      if (arity == 1) program.append(op, {pick()});
      if (arity == 2) program.append(op, {pick(), pick()});
      if (arity == 3) program.append(op, {pick(), pick(), pick()});
    }
    for (uint32_t o = 1 + random() % 3; o > 0; --o) program.outputs.push_back(static_cast<int16_t>(random() % static_cast<uint32_t>(program.operand_count())));
    const int64_t n = 1 + static_cast<int64_t>(random() % 2500);
    std::vector<std::vector<float>> inputs, outputs;
    std::vector<cpu::PointwiseOperand> operands;
    for (int i = 0; i < program.inputs; ++i) {
      const Tensor values = random_tensor({n}, static_cast<uint32_t>(round * 5 + i), 2);
      inputs.emplace_back(values.data<float>(), values.data<float>() + n);
    }
    for (auto& input : inputs) operands.push_back({input.data(), random() % 4 == 0});
    const bool in_place = !operands[0].scalar && round % 2 == 0;
    outputs.resize(program.outputs.size(), std::vector<float>(static_cast<size_t>(n)));
    std::vector<std::vector<float>> wanted = outputs;
    std::vector<float> values(static_cast<size_t>(program.operand_count()));
    for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
      for (size_t k = 0; k < inputs.size(); ++k) values[k] = inputs[k][operands[k].scalar ? 0 : i];
      program.evaluate(values.data());
      for (size_t o = 0; o < wanted.size(); ++o) wanted[o][i] = values[static_cast<size_t>(program.outputs[o])];
    }
    const cpu::PointwiseTile tile(program);
    std::vector<float> scratch(static_cast<size_t>(tile.scratch_floats()));
    std::vector<float*> targets;
    for (auto& output : outputs) targets.push_back(output.data());
    if (in_place) targets[0] = inputs[0].data();
    tile.run(operands.data(), targets.data(), n, scratch.data());
    for (size_t o = 0; o < wanted.size(); ++o) {
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        ASSERT_FLOAT_EQ(targets[o][i], wanted[o][i]) << program.to_string() << " output " << o << " element " << i;
      }
    }
  }
}

TEST(Pointwise, unary_operators_in_every_layout) {
  for (const Dims& dims : {Dims{}, Dims{5}, Dims{3, 1027}, Dims{2, 19, 5, 7}, Dims{1, 24, 33, 40}, Dims{2, 16, 3}, Dims{0, 4, 4}}) {
    for (const char* op : {"Relu", "Sigmoid", "Exp", "HardSwish", "Erf", "Tanh", "Sqrt", "Log", "Floor"}) {
      // x * (x / 6 + 1/2) cancels near -3: an absolute bound on top.
      check(TacticRow(op).input(random_tensor(dims, 3, 3, true)), {kFewUlp.relative, op == std::string("HardSwish") ? 3e-7 : kFewUlp.absolute});
    }
  }
}

TEST(Pointwise, broadcasts_in_every_layout) {
  const Dims image = {2, 24, 9, 11};
  for (const Dims& other : {Dims{}, Dims{1}, Dims{24, 1, 1}, Dims{1, 24, 1, 1}, Dims{2, 24, 1, 1}, Dims{11}, Dims{9, 1}, Dims{2, 1, 1, 1},
                            Dims{24, 9, 11}, Dims{2, 1, 9, 11}, Dims{1, 24, 9, 1}, image}) {
    check(TacticRow("Mul").input(random_tensor(image, 1, 1, true)).input(random_tensor(other, 2)), kFewUlp);
    check(TacticRow("Sub").constant_input(random_tensor(other, 1)).input(random_tensor(image, 2)), kFewUlp);
  }
  for (const int64_t channels : {1, 7, 8, 17, 32}) {
    const Dims wide = {1, channels, 40, 40};
    check(TacticRow("Add").input(random_tensor(wide, 1)).input(random_tensor({1, channels, 1, 1}, 2)), kFewUlp);
    check(TacticRow("Add").input(random_tensor(wide, 1)).input(random_tensor({}, 2)), kFewUlp);
    check(TacticRow("Add").input(random_tensor(wide, 1)).input(random_tensor(wide, 2)), kFewUlp);
  }
  check(TacticRow("Add").input(random_tensor({7, 1, 5}, 1)).input(random_tensor({1, 1300, 1}, 2)), kFewUlp);
  check(TacticRow("Div").input(random_tensor({4, 1}, 1)).input(random_tensor({1, 4}, 2)), kFewUlp);
}

TEST(Pointwise, other_storage_types) {
  const Tensor a = random_tensor({2, 17, 65}, 1, 1, true), b = random_tensor({17, 1}, 2);
  for (const DType dtype : {DType::kF16, DType::kBF16}) {
    const double unit = dtype == DType::kF16 ? 0x1p-10 : 0x1p-7;
    check(TacticRow("Mul").input(a.cast(dtype)).input(b.cast(dtype)), {unit, 1e-7});
    check(TacticRow("Sigmoid").input(a.cast(dtype)), {unit, 1e-7});
    check(TacticRow("Less").input(a.cast(dtype)).input(b.cast(dtype)), {});
  }
  check(TacticRow("Less").input(a).input(b), {});
  check(TacticRow("Where").input(random_integers(DType::kBool, {2, 17, 1}, 0, 1, 4)).input(a).input(b), {});
  check(TacticRow("And").input(random_integers(DType::kBool, {2, 17, 9}, 0, 1, 4)).input(random_integers(DType::kBool, {9}, 0, 1, 5)), {});
}

// Every f16 that there is, and around the middle between each and the next, where rounding decides: the bits of core/numeric.h's conversions but for
// the payloads of NaN.
TEST(Pointwise, halves_convert_exactly) {
  constexpr int kHalves = 1 << 16;
  std::vector<uint16_t> halves(kHalves);
  std::vector<float> values;
  for (int i = 0; i < kHalves; ++i) {
    halves[static_cast<size_t>(i)] = static_cast<uint16_t>(i);
    const float value = half_to_float(static_cast<uint16_t>(i));
    const float middle = (i & 0x7fff) < 0x7bff ? (value + half_to_float(static_cast<uint16_t>(i + 1))) / 2 : value;
    values.insert(values.end(), {value, middle, std::nextafter(middle, HUGE_VALF), std::nextafter(middle, -HUGE_VALF)});
  }
  for (const float value : hard_values()) values.push_back(value);
  for (const Isa isa : isas()) {
    SCOPED_TRACE(isa_name(isa));
    const cpu::PointwiseSteps& steps = cpu::pointwise_steps(isa);
    std::vector<float> wide(halves.size());
    steps.from_f16(halves.data(), wide.data(), kHalves);
    for (size_t i = 0; i < wide.size(); ++i) {
      const float want = half_to_float(halves[i]);
      ASSERT_TRUE(std::isnan(want) ? std::isnan(wide[i]) : std::bit_cast<uint32_t>(wide[i]) == std::bit_cast<uint32_t>(want)) << "half " << i;
    }
    std::vector<uint16_t> narrow(values.size());
    steps.to_f16(values.data(), narrow.data(), static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < narrow.size(); ++i) {
      const uint16_t want = float_to_half(values[i]);
      ASSERT_TRUE(std::isnan(values[i]) ? std::isnan(half_to_float(narrow[i])) : narrow[i] == want) << values[i] << " became " << narrow[i] << ", wanted " << want;
    }
  }
}

// Every value of the type, then random ones.
Tensor all_bytes(DType dtype, const Dims& dims, uint32_t seed) {
  const bool is_signed = dtype == DType::kI8;
  Tensor bytes = random_integers(dtype, dims, is_signed ? -128 : 0, is_signed ? 127 : 255, seed);
  for (int64_t i = 0; i < std::min<int64_t>(bytes.count(), 256); ++i) bytes.data<uint8_t>()[i] = static_cast<uint8_t>(i);
  return bytes;
}

TacticRow program_row(const std::string& text, DType dtype) {
  return TacticRow("Pointwise", "sinter").attr("program", text).attr("dtypes", std::vector<int64_t>{static_cast<int64_t>(dtype)});
}

TEST(Pointwise, tables_of_bytes) {
  const std::string silu = "1 | const(3) sub(0,1) const(0.05) mul(2,3) silu(4) const(0.04) div(5,6) round(7) const(-20) add(8,9) const(-128) const(127) clip(10,11,12) | 13";
  const std::string rescale = "2 | sub(0,1) const(0.7) mul(2,3) round(4) const(128) add(5,6) const(0) const(255) clip(7,8,9) | 10";
  for (const Dims& dims : {Dims{}, Dims{5}, Dims{3, 1027}, Dims{2, 32, 9, 7}, Dims{1, 19, 33, 40}, Dims{2, 16, 3}, Dims{0, 4, 4}, Dims{1, 16, 90, 90}}) {
    check(program_row(silu, DType::kI8).input(all_bytes(DType::kI8, dims, 1)), {});
    check(program_row(silu, DType::kI8).input(all_bytes(DType::kU8, dims, 2)), {});
    check(program_row(rescale, DType::kU8).input(all_bytes(DType::kI8, dims, 3)).constant_input(random_integers(DType::kI8, {}, -128, -128, 1)), {});
    check(program_row(rescale, DType::kU8).input(all_bytes(DType::kU8, dims, 4)).input(random_integers(DType::kU8, {}, 255, 255, 1)), {});
  }
}

// Squeeze-and-excite between quantized layers: the same bits as the program's.
TEST(Pointwise, bytes_scaled_by_channel) {
  const std::string plain = "2 | const(0.013) mul(1,2) const(0.031) mul(0,4) mul(5,3) const(0.0371) div(6,7) round(8) const(-128) const(127) clip(9,10,11) | 12";
  const std::string zeros = "2 | const(100) sub(0,2) const(0.031) mul(3,4) const(3) sub(1,6) const(0.7) mul(7,8) sigmoid(9) mul(10,5) const(0.0371) div(11,12) round(13) "
                            "const(7) add(14,15) const(3) const(250) clip(16,17,18) | 19";
  const std::string hostile = "2 | const(1e30) mul(0,2) mul(3,1) const(0.5) div(4,5) round(6) const(-128) const(127) clip(7,8,9) | 10";
  for (const Dims& dims : {Dims{2, 19, 5, 7}, Dims{1, 32, 9, 3}, Dims{3, 64, 1, 1}, Dims{2, 5, 40}, Dims{0, 4, 2, 2}}) {
    Dims gate(dims.size(), 1), shared(dims.size(), 1);
    gate[0] = dims[0];
    gate[1] = shared[1] = dims[1];
    for (const DType x : {DType::kI8, DType::kU8}) {
      check(program_row(plain, DType::kI8).input(all_bytes(x, dims, 5)).input(random_integers(DType::kU8, gate, 0, 255, 6)), {});
      check(program_row(plain, DType::kI8).input(all_bytes(x, dims, 7)).constant_input(random_integers(DType::kI8, shared, -128, 127, 8)), {});
      check(program_row(zeros, DType::kU8).input(all_bytes(x, dims, 9)).input(random_integers(DType::kU8, gate, 0, 255, 10)), {0, 1.0, 1e-3});
      check(program_row(hostile, DType::kI8).input(all_bytes(x, dims, 11)).input(random_tensor(gate, 12, 1e20f)), {});
    }
  }
}

TEST(Pointwise, programs_between_bytes_and_floats) {
  const std::string quantize = "2 | mul(0,1) const(0.03125) div(2,3) round(4) const(-128) const(127) clip(5,6,7) | 8";
  const std::string dequantize = "1 | const(128) sub(0,1) const(0.02) mul(2,3) | 4";
  const std::string residual = "2 | const(0.03) mul(0,2) const(7) sub(1,4) const(0.05) mul(5,6) add(3,7) relu(8) const(0.06) div(9,10) round(11) const(-128) const(127) clip(12,13,14) | 15";
  for (const Dims& dims : {Dims{5}, Dims{3, 1027}, Dims{2, 19, 9, 7}, Dims{1, 48, 33, 40}, Dims{0, 4, 4}}) {
    check(program_row(quantize, DType::kI8).input(random_tensor(dims, 1, 3)).constant_input(random_tensor({dims.back()}, 2)), {});
    check(program_row(dequantize, DType::kF32).input(all_bytes(DType::kU8, dims, 3)), {});
    check(program_row(residual, DType::kI8).input(all_bytes(DType::kI8, dims, 4)).input(all_bytes(DType::kU8, dims, 5)), {});
    check(program_row(residual, DType::kI8).input(all_bytes(DType::kI8, dims, 6)).input(all_bytes(DType::kI8, {dims[0] == 0 ? 1 : dims.back()}, 7)), {});
  }
}

TEST(Pointwise, dynamic_shapes) {
  TacticRow row("Mul");
  row.input(random_tensor({3, 8, 5, 6}, 1)).input(random_tensor({8, 1, 1}, 2));
  const Dim n = Dim::symbol("n"), h = Dim::symbol("h");
  row.shapes = {{n, 8, h, 6}, {8, 1, 1}};
  row.output_shapes = {{n, 8, h, 6}};
  check(row, kFewUlp);
}

}  // namespace
}  // namespace sinter::testing
