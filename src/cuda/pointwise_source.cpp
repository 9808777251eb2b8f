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

}  // namespace

std::string round_source(PointwiseProgram& program, size_t output, DType dtype, const std::string& name) {
  Quantization q;
  const float least = dtype == DType::kI8 ? -128 : 0, most = dtype == DType::kI8 ? 127 : 255;
  std::string made;
  if (find_quantization(program, program.outputs[output], q) && q.low >= least && q.high <= most) {
    float low = (q.low - q.zero) * q.by;
    const float high = (q.high - q.zero) * q.by;
    int value = q.value;
    if (const PointwiseInstruction* relu = made_by(program, value, PointwiseOp::kRelu); relu && high >= 0) {
      value = relu->args[0];
      low = std::max(low, 0.0f);
    }
    program.outputs[output] = static_cast<int16_t>(value);
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
