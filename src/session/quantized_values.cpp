#include "session/quantized_values.h"

#include <algorithm>

namespace sinter::session {
namespace {

bool is_8bit(DType type) { return type == DType::kI8 || type == DType::kU8; }

std::optional<double> single(const TensorDesc& desc) {
  if (!desc.present || !desc.value.defined() || desc.value.count() != 1) return std::nullopt;
  return desc.value.to_f64()[0];
}

// Reads the end of a program backwards.
class Tail {
 public:
  Tail(const PointwiseProgram& program, const std::vector<TensorDesc>& inputs, int first_input) : program_(program), inputs_(inputs), first_(first_input) {}

  std::optional<ValueScale> read(int16_t operand) const {
    ValueScale result;
    const PointwiseInstruction* at = code(operand);
    if (at && at->op == PointwiseOp::kClip) at = code(at->args[0]);
    if (at && at->op == PointwiseOp::kAdd) {
      const auto zero = constant(at->args[1]);
      if (!zero) return std::nullopt;
      result.zero = static_cast<int64_t>(*zero);
      at = code(at->args[0]);
    }
    if (!at || at->op != PointwiseOp::kRound) return std::nullopt;
    at = code(at->args[0]);
    if (!at || (at->op != PointwiseOp::kDiv && at->op != PointwiseOp::kMul)) return std::nullopt;
    const auto factor = constant(at->args[1]);
    if (!factor || *factor == 0) return std::nullopt;
    result.scale = at->op == PointwiseOp::kDiv ? *factor : 1 / *factor;
    return result;
  }

 private:
  const PointwiseInstruction* code(int16_t operand) const {
    const int index = operand - program_.inputs;
    return index >= 0 && index < static_cast<int>(program_.code.size()) ? &program_.code[static_cast<size_t>(index)] : nullptr;
  }
  std::optional<double> constant(int16_t operand) const {
    if (const PointwiseInstruction* at = code(operand)) return at->op == PointwiseOp::kConst ? std::optional<double>(at->constant) : std::nullopt;
    const int index = first_ + operand;
    return index >= 0 && index < static_cast<int>(inputs_.size()) ? single(inputs_[static_cast<size_t>(index)]) : std::nullopt;
  }
  const PointwiseProgram& program_;
  const std::vector<TensorDesc>& inputs_;
  int first_;
};

bool moves(const std::string& op) {
  for (const char* name : {"MaxPool", "Reshape", "Transpose", "Concat", "Slice", "Split", "Flatten", "Squeeze", "Unsqueeze", "Gather", "Pad", "DepthToSpace", "SpaceToDepth",
                           "Identity", "Expand", "Tile", "GlobalMaxPool", "Resize", "Relu"}) {
    if (op == name) return true;
  }
  return false;
}

std::optional<ValueScale> made_by(const plan::Step& step, size_t output, const std::vector<std::optional<ValueScale>>& known) {
  const Problem& problem = step.problem;
  if (problem.op == "QuantizeLinear" && problem.inputs.size() > 1) {
    const auto scale = single(problem.inputs[1]);
    if (!scale) return std::nullopt;
    return ValueScale{*scale, problem.inputs.size() > 2 ? static_cast<int64_t>(single(problem.inputs[2]).value_or(0)) : 0};
  }
  if (problem.op == "IntegerGlobalAveragePool" && problem.inputs.size() > 4) {
    const auto scale = single(problem.inputs[3]), zero = single(problem.inputs[4]);
    if (!scale || !zero) return std::nullopt;
    return ValueScale{*scale, static_cast<int64_t>(*zero)};
  }
  if (problem.has_epilogue() && output < problem.epilogue.outputs.size()) {
    return Tail(problem.epilogue, problem.inputs, problem.epilogue_base - 1).read(problem.epilogue.outputs[output]);
  }
  if (problem.op == "Pointwise") {
    const auto program = PointwiseProgram::parse(problem.attributes.s_or("program", ""));
    if (program.ok() && output < program->outputs.size()) return Tail(*program, problem.inputs, 0).read(program->outputs[output]);
    return std::nullopt;
  }
  const bool copies = step.kind == plan::StepKind::kTransfer || problem.op == "Reformat" || moves(problem.op);
  const bool has_input = !step.inputs.empty() && step.inputs[0] >= 0;
  return copies && has_input ? known[static_cast<size_t>(step.inputs[0])] : std::nullopt;
}

}  // namespace

std::vector<std::optional<ValueScale>> scales_of(const plan::Region& region) {
  std::vector<std::optional<ValueScale>> scales(region.values.size());
  std::vector<bool> made(region.values.size());
  const auto share = [&](const plan::Step& step) {
    // A concatenation in place has its parts' scale, views have their root's.
    for (size_t v = 0; v < region.values.size(); ++v) {
      if (made[v] || scales[v] || !is_8bit(region.values[v].type.dtype)) continue;
      const int32_t root = plan::alias_root(region, static_cast<int32_t>(v));
      for (int32_t output : step.outputs) {
        if (output >= 0 && plan::alias_root(region, output) == root) scales[v] = scales[static_cast<size_t>(output)];
      }
    }
  };
  for (const plan::Step& step : region.steps) {
    for (int32_t output : step.outputs) {
      if (output >= 0) made[static_cast<size_t>(output)] = true;
    }
  }
  for (const plan::Step& step : region.steps) {
    bool any = false;
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      if (step.outputs[i] < 0 || !is_8bit(region.values[static_cast<size_t>(step.outputs[i])].type.dtype)) continue;
      scales[static_cast<size_t>(step.outputs[i])] = made_by(step, i, scales);
      any = true;
    }
    if (any) share(step);
  }
  return scales;
}

}  // namespace sinter::session
