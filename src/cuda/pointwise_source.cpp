#include "cuda/pointwise_source.h"

#include <bit>

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

}  // namespace

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
