// Pointwise programs and the values they read (program.h).
#include "passes/program.h"

#include <algorithm>

namespace sinter::passes {

bool is_program_type(const IrValue* value) {
  return value && value->type.is_tensor() &&
         contains(dtype_set(DType::kF32, DType::kF16, DType::kBF16, DType::kBool, DType::kI8, DType::kU8), value->type.dtype);
}

PointwiseProgram renumber_inputs(const PointwiseProgram& program, const std::vector<int>& new_index, int new_count) {
  PointwiseProgram result;
  result.inputs = new_count;
  auto moved = [&](int16_t operand) -> int16_t {
    if (operand < 0) return operand;
    if (operand < program.inputs) return static_cast<int16_t>(new_index[operand]);
    return static_cast<int16_t>(operand - program.inputs + new_count);
  };
  for (PointwiseInstruction instruction : program.code) {
    for (int16_t& arg : instruction.args) arg = moved(arg);
    result.code.push_back(instruction);
  }
  for (int16_t output : program.outputs) result.outputs.push_back(moved(output));
  return result;
}

bool drop_absent(PointwiseProgram& program, std::vector<IrValue*>& inputs) {
  std::vector<int> new_index(inputs.size(), -1);
  std::vector<IrValue*> kept;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i]) {
      new_index[i] = static_cast<int>(kept.size());
      kept.push_back(inputs[i]);
      continue;
    }
    auto reads = [&](int16_t operand) { return operand == static_cast<int16_t>(i); };
    for (const PointwiseInstruction& instruction : program.code) {
      if (std::any_of(instruction.args.begin(), instruction.args.end(), reads)) return false;
    }
    if (std::any_of(program.outputs.begin(), program.outputs.end(), reads)) return false;
  }
  program = renumber_inputs(program, new_index, static_cast<int>(kept.size()));
  inputs = std::move(kept);
  return true;
}

void inline_constants(PointwiseProgram& program, std::vector<IrValue*>& inputs, int rank) {
  auto inlined = [&](const IrValue* input) { return constant_of(input) && constant_of(input)->count() == 1; };
  const bool rank_stays = std::any_of(inputs.begin(), inputs.end(),
                                      [&](const IrValue* input) { return !inlined(input) && rank_of(input) == rank && rank >= 0; });
  if (!rank_stays) return;
  // Constants come first in the code, so that instructions may read them; operands move up by their number.
  std::vector<float> constants;
  std::vector<int> operand(inputs.size());  // of each old input in the new program
  std::vector<IrValue*> kept;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inlined(inputs[i])) {
      operand[i] = static_cast<int>(kept.size());
      kept.push_back(inputs[i]);
    }
  }
  PointwiseProgram result;
  result.inputs = static_cast<int>(kept.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inlined(inputs[i])) operand[i] = result.append_constant(constant_of(inputs[i])->cast(DType::kF32).data<float>()[0]);
  }
  const int shift = result.operand_count() - program.inputs;
  auto moved = [&](int16_t old) -> int16_t {
    if (old < 0) return old;
    return static_cast<int16_t>(old < program.inputs ? operand[old] : old + shift);
  };
  for (PointwiseInstruction instruction : program.code) {
    for (int16_t& arg : instruction.args) arg = moved(arg);
    result.code.push_back(instruction);
  }
  for (int16_t output : program.outputs) result.outputs.push_back(moved(output));
  program = std::move(result);
  inputs = std::move(kept);
}

void merge_equal_inputs(PointwiseProgram& program, std::vector<IrValue*>& inputs) {
  std::vector<int> new_index;
  std::vector<IrValue*> kept;
  for (IrValue* input : inputs) {
    const auto found = std::find(kept.begin(), kept.end(), input);
    new_index.push_back(static_cast<int>(found - kept.begin()));
    if (found == kept.end()) kept.push_back(input);
  }
  if (kept.size() == inputs.size()) return;
  program = renumber_inputs(program, new_index, static_cast<int>(kept.size()));
  inputs = std::move(kept);
}

std::optional<PointwiseProgram> program_of(const Node& node) {
  if (!node.is("Pointwise", "sinter")) return std::nullopt;
  const auto* text = node.attributes.find_as<std::string>("program");
  if (!text) return std::nullopt;
  auto program = PointwiseProgram::parse(*text);
  if (!program.ok()) return std::nullopt;
  return std::move(program).value();
}

Node* add_pointwise(Patch& patch, std::string_view name, const PointwiseProgram& program, const std::vector<IrValue*>& inputs,
                    DType dtype, const std::vector<const Node*>& sources) {
  Attributes attributes;
  attributes.set("program", program.to_string());
  attributes.set("dtypes", std::vector<int64_t>{static_cast<int64_t>(dtype)});
  return patch.add_node(op("Pointwise", "sinter"), name, inputs, 1, std::move(attributes), sources);
}

}  // namespace sinter::passes
