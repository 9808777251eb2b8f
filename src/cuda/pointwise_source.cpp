#include "cuda/pointwise_source.h"

#include <bit>
#include <cmath>

namespace sinter::cuda {
namespace {

std::string operand(const PointwiseProgram& program, int number) {
  return number < program.inputs ? fmt::format("x[{}]", number) : fmt::format("v{}", number - program.inputs);
}

std::string expression(const PointwiseProgram& program, const PointwiseInstruction& instruction) {
  if (instruction.op == PointwiseOp::kConst) {
    return fmt::format("f32_of({:#010x}u) /* {} */", std::bit_cast<uint32_t>(instruction.constant), instruction.constant);
  }
  std::string text = fmt::format("pw_{}(", pointwise_op_name(instruction.op));
  for (int i = 0; i < pointwise_op_arity(instruction.op); ++i) {
    text += (i ? ", " : "") + operand(program, instruction.args[static_cast<size_t>(i)]);
  }
  return text + ")";
}

const PointwiseInstruction* made_by(const PointwiseProgram& program, int number, PointwiseOp op) {
  if (number < program.inputs) return nullptr;
  const PointwiseInstruction& found = program.code[static_cast<size_t>(number - program.inputs)];
  return found.op == op ? &found : nullptr;
}
bool is_constant(const PointwiseProgram& program, int number, float& value) {
  const PointwiseInstruction* found = made_by(program, number, PointwiseOp::kConst);
  if (found) value = found->constant;
  return found != nullptr;
}
bool small_and_whole(float value) { return std::fabs(value) <= 512 && std::nearbyint(value) == value; }

// Steps at a program's end: value / by, rounded, + zero, clipped to low … high.
struct Quantization {
  int value = -1;  // operand
  float by = 1, zero = 0, low = 0, high = 0;
  float least = 0, most = 0;  // in steps from zero; a relu before it included
};

bool find_quantization(const PointwiseProgram& program, int output, Quantization& q) {
  const PointwiseInstruction* clip = made_by(program, output, PointwiseOp::kClip);
  if (!clip || !is_constant(program, clip->args[1], q.low) || !is_constant(program, clip->args[2], q.high)) return false;
  int at = clip->args[0];
  if (const PointwiseInstruction* add = made_by(program, at, PointwiseOp::kAdd)) {
    if (!is_constant(program, add->args[1], q.zero)) return false;
    at = add->args[0];
  }
  const PointwiseInstruction* round = made_by(program, at, PointwiseOp::kRound);
  if (!round || !small_and_whole(q.low) || !small_and_whole(q.high) || !small_and_whole(q.zero) || q.low > q.high) return false;
  q.value = round->args[0];
  const PointwiseInstruction* div = made_by(program, q.value, PointwiseOp::kDiv);
  float by = 1;
  if (div && is_constant(program, div->args[1], by) && by > 1e-30f && by < 1e30f) {
    q.value = div->args[0];
    q.by = by;
  }
  return true;
}

std::string literal(float value) { return fmt::format("f32_of({:#010x}u) /* {} */", std::bit_cast<uint32_t>(value), value); }

bool find_quantization(const PointwiseProgram& program, int output, DType dtype, Quantization& q) {
  const float least = dtype == DType::kI8 ? -128 : 0, most = dtype == DType::kI8 ? 127 : 255;
  if (!find_quantization(program, output, q) || q.low < least || q.high > most) return false;
  q.least = q.low - q.zero;
  q.most = q.high - q.zero;
  if (const PointwiseInstruction* relu = made_by(program, q.value, PointwiseOp::kRelu); relu && q.most >= 0) {
    q.value = relu->args[0];
    q.least = std::max(q.least, 0.0f);
  }
  return true;
}

// A value as a sum of multiples of the inputs and a constant.
struct Affine {
  std::vector<double> factors;
  double constant = 0;
  bool is_constant() const {
    return std::all_of(factors.begin(), factors.end(), [](double factor) { return factor == 0; });
  }
  Affine& add(const Affine& other, double times) {
    for (size_t i = 0; i < factors.size(); ++i) factors[i] += times * other.factors[i];
    constant += times * other.constant;
    return *this;
  }
  Affine& scale(double by) {
    for (double& factor : factors) factor *= by;
    constant *= by;
    return *this;
  }
};

std::optional<Affine> product(Affine a, Affine b) {
  if (a.is_constant()) return b.scale(a.constant);
  if (b.is_constant()) return a.scale(b.constant);
  return std::nullopt;
}

std::optional<Affine> affine_result(const PointwiseInstruction& code, int inputs, const std::vector<std::optional<Affine>>& operands) {
  std::vector<Affine> args;
  for (int i = 0; i < pointwise_op_arity(code.op); ++i) {
    const std::optional<Affine>& arg = operands[static_cast<size_t>(code.args[static_cast<size_t>(i)])];
    if (!arg) return std::nullopt;
    args.push_back(*arg);
  }
  switch (code.op) {
    case PointwiseOp::kConst: return Affine{std::vector<double>(static_cast<size_t>(inputs), 0.0), code.constant};
    case PointwiseOp::kAdd: return args[0].add(args[1], 1);
    case PointwiseOp::kSub: return args[0].add(args[1], -1);
    case PointwiseOp::kNeg: return args[0].scale(-1);
    case PointwiseOp::kMul: return product(args[0], args[1]);
    case PointwiseOp::kDiv: return args[1].is_constant() && args[1].constant != 0 ? std::optional(args[0].scale(1 / args[1].constant)) : std::nullopt;
    case PointwiseOp::kFma: {
      std::optional<Affine> sum = product(args[0], args[1]);
      return sum ? sum->add(args[2], 1) : sum;
    }
    default: return std::nullopt;
  }
}

std::optional<Affine> affine_of(const PointwiseProgram& program, int number) {
  std::vector<std::optional<Affine>> operands;
  for (int i = 0; i <= number; ++i) {
    if (i >= program.inputs) {
      operands.push_back(affine_result(program.code[static_cast<size_t>(i - program.inputs)], program.inputs, operands));
      continue;
    }
    Affine own{std::vector<double>(static_cast<size_t>(program.inputs), 0.0)};
    own.factors[static_cast<size_t>(i)] = 1;
    operands.push_back(std::move(own));
  }
  return operands.back();
}

}  // namespace

std::optional<StepSum> step_sum(const PointwiseProgram& program, DType dtype) {
  Quantization q;
  if (!find_quantization(program, program.outputs[0], dtype, q)) return std::nullopt;
  const std::optional<Affine> affine = affine_of(program, q.value);
  if (!affine) return std::nullopt;
  StepSum sum;
  for (const double factor : affine->factors) sum.factors.push_back(static_cast<float>(factor / q.by));
  sum.constant = static_cast<float>(affine->constant / q.by);
  const auto normal = [](float x) { return x == 0 || std::isnormal(x); };
  if (sum.factors.empty() || sum.factors[0] == 0 || !std::all_of(sum.factors.begin(), sum.factors.end(), normal) || !normal(sum.constant)) return std::nullopt;
  const char* const type = dtype == DType::kI8 ? "i8" : "u8";
  const bool whole_range = q.zero == 0 && q.most == (dtype == DType::kI8 ? 127 : 255) && q.least == (dtype == DType::kI8 ? -128 : 0);
  if (whole_range) {
    sum.round = fmt::format("typedef SaturatedBytes<{}> RoundResult;\n", type);
  } else {
    sum.round = fmt::format("struct RoundResult {{\n  SINTER_DEVICE u32 of(f32 v) {{ return rounded_byte(v, {}, {}) + (u32)({}); }}\n}};\n", literal(q.least), literal(q.most), static_cast<int>(q.zero));
  }
  return sum;
}

std::string round_source(PointwiseProgram& program, size_t output, DType dtype, const std::string& name) {
  Quantization q;
  std::string made;
  if (find_quantization(program, program.outputs[output], dtype, q)) {
    const float low = q.least * q.by, high = q.most * q.by;
    program.outputs[output] = static_cast<int16_t>(q.value);
    made = q.by == 1 ? fmt::format("rounded_byte(v, {}, {})", literal(low), literal(high))
                     : fmt::format("quotient_byte(v, {}, {}, {}, {})", literal(low), literal(high), literal(q.by), literal(1.0f / q.by));
    if (q.zero != 0) made += fmt::format(" + (u32)({})", static_cast<int>(q.zero));
  } else {
    made = fmt::format("WholeBytes<{}>::of(v)", dtype == DType::kI8 ? "i8" : "u8");
  }
  return fmt::format("struct {} {{\n  SINTER_DEVICE u32 of(f32 v) {{ return {}; }}\n}};\n", name, made);
}

std::string program_source(const PointwiseProgram& program, const std::string& name) {
  std::string text = fmt::format("SINTER_DEVICE void {}(const f32 (&x)[{}], f32 (&y)[{}]) {{\n", name, std::max(program.inputs, 1),
                                 program.outputs.size());
  for (size_t i = 0; i < program.code.size(); ++i) {
    text += fmt::format("  const f32 v{} = {};\n", i, expression(program, program.code[i]));
  }
  for (size_t o = 0; o < program.outputs.size(); ++o) text += fmt::format("  y[{}] = {};\n", o, operand(program, program.outputs[o]));
  return text + "}\n";
}

}  // namespace sinter::cuda
