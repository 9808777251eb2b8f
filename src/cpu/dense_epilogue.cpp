#include "cpu/dense_epilogue.h"

#include <optional>

namespace sinter::cpu {
namespace {

struct Form {
  Activation activation;
  float alpha = 1, beta = 0;
};

std::optional<Form> unary_form(PointwiseOp op) {
  switch (op) {
    case PointwiseOp::kRelu: return Form{Activation::kRelu};
    case PointwiseOp::kSigmoid: return Form{Activation::kSigmoid};
    case PointwiseOp::kSilu: return Form{Activation::kSilu};
    case PointwiseOp::kHardSwish: return Form{Activation::kHardSwish, 1.0f / 6.0f, 0.5f};
    case PointwiseOp::kGelu: return Form{Activation::kGeluErf};
    case PointwiseOp::kGeluTanh: return Form{Activation::kGeluTanh};
    case PointwiseOp::kTanh: return Form{Activation::kTanh};
    case PointwiseOp::kErf: return Form{Activation::kErf};
    case PointwiseOp::kExp: return Form{Activation::kExp};
    case PointwiseOp::kMish: return Form{Activation::kMish};
    default: return std::nullopt;
  }
}

// Walks the program as a chain and sorts its steps into the kernels' places.
class Matcher {
 public:
  Matcher(const Problem& problem, int column_axis, int op_bias) : problem_(problem), column_axis_(column_axis) {
    result_.bias_input = op_bias;
  }

  Result<DenseEpilogue> run() {
    if (!problem_.has_epilogue()) return result_;
    const PointwiseProgram& program = problem_.epilogue;
    const int count = static_cast<int>(program.code.size());
    if (program.outputs.size() != 1) return no("several results");
    std::vector<Start> starts{{result_, 0, 0}};
    for (int i = 0; i < count; ++i) {
      const PointwiseInstruction& step = program.code[static_cast<size_t>(i)];
      if (step.op == PointwiseOp::kConst) continue;
      const int current = starts.back().result;
      const Status absorbed = step.op == PointwiseOp::kAdd ? add_operand(step, current) : add_activation(step, current);
      if (!absorbed.ok()) break;
      starts.push_back({result_, program.inputs + i, i + 1});
    }
    while (!is_closed(starts.back())) starts.pop_back();
    result_ = starts.back().epilogue;
    if (program.outputs[0] == starts.back().result) return result_;
    SINTER_TRY(add_tail(starts.back()));
    return result_;
  }

 private:
  // The program's instructions before `next`, done in registers; their result is operand `result`.
  struct Start {
    DenseEpilogue epilogue;
    int result, next;
  };

  bool is_constant(int operand) const {
    const PointwiseProgram& program = problem_.epilogue;
    return operand >= program.inputs && program.code[static_cast<size_t>(operand - program.inputs)].op == PointwiseOp::kConst;
  }

  // Nothing after the start reads an intermediate value of it. The empty start is always closed.
  bool is_closed(const Start& start) const {
    const PointwiseProgram& program = problem_.epilogue;
    const auto reachable = [&](int operand) {
      const bool later = operand >= program.inputs + start.next, further = operand > 0 && operand < program.inputs;
      return operand < 0 || operand == start.result || later || further || is_constant(operand);
    };
    for (size_t i = static_cast<size_t>(start.next); i < program.code.size(); ++i) {
      for (const int16_t arg : program.code[i].args) {
        if (!reachable(arg)) return false;
      }
    }
    return reachable(program.outputs[0]);
  }

  // What follows the start, as a program of its own whose input 0 is the start's result.
  Status add_tail(const Start& start) {
    const PointwiseProgram& program = problem_.epilogue;
    const auto first = static_cast<size_t>(start.next);
    std::vector<int16_t> renamed(static_cast<size_t>(program.operand_count()), -1);
    std::vector<int> inputs;
    PointwiseProgram rest;
    rest.inputs = 1;
    const auto name_input = [&](int operand) {
      if (operand < 1 || operand >= program.inputs || renamed[static_cast<size_t>(operand)] >= 0) return;
      renamed[static_cast<size_t>(operand)] = static_cast<int16_t>(rest.inputs++);
      inputs.push_back(problem_.epilogue_base + operand - 1);
    };
    for (size_t i = first; i < program.code.size(); ++i) {
      for (const int16_t arg : program.code[i].args) name_input(arg);
    }
    name_input(program.outputs[0]);
    renamed[static_cast<size_t>(start.result)] = 0;
    for (size_t i = 0; i < program.code.size(); ++i) {
      PointwiseInstruction step = program.code[i];
      if (i < first && step.op != PointwiseOp::kConst) continue;
      for (int16_t& arg : step.args) arg = arg < 0 ? arg : renamed[static_cast<size_t>(arg)];
      rest.code.push_back(step);
      renamed[static_cast<size_t>(program.inputs) + i] = static_cast<int16_t>(rest.operand_count() - 1);
    }
    rest.outputs = {renamed[static_cast<size_t>(program.outputs[0])]};
    SINTER_ASSIGN(result_.tail, EpilogueTail::make(problem_, rest, std::move(inputs), column_axis_));
    return ok_status();
  }

  Status no(std::string_view what) const {
    return make_error(Code::kUnsupported, "epilogue '{}' has {}, this kernel does bias, residual, one activation", problem_.epilogue.to_string(), what);
  }

  std::optional<float> constant(int operand) const {
    const PointwiseProgram& program = problem_.epilogue;
    if (operand >= program.inputs) {
      const PointwiseInstruction& made = program.code[static_cast<size_t>(operand - program.inputs)];
      if (made.op == PointwiseOp::kConst) return made.constant;
      return std::nullopt;
    }
    if (operand < 1) return std::nullopt;
    const Tensor& value = problem_.inputs[static_cast<size_t>(problem_.epilogue_base + operand - 1)].value;
    if (!value.defined() || value.count() != 1 || value.dtype() != DType::kF32) return std::nullopt;
    return *value.data<float>();
  }

  Status add_operand(const PointwiseInstruction& step, int current) {
    const int other = step.args[0] == current ? step.args[1] : step.args[1] == current ? step.args[0] : -1;
    if (other < 1 || other == current || other >= problem_.epilogue.inputs) return no("an addition of something else than an input");
    const int input = problem_.epilogue_base + other - 1;
    const TensorDesc& desc = problem_.inputs[static_cast<size_t>(input)];
    const TensorDesc& output = problem_.outputs[0];
    if (desc.dtype != DType::kF32) return no("an operand that is not f32");
    const bool activated = result_.fixed.activation != Activation::kNone;
    if (is_per_column(desc.shape, output.shape, column_axis_) && result_.bias_input < 0 && result_.residual_input < 0 && !activated) {
      result_.bias_input = input;
      return ok_status();
    }
    if (desc.shape == output.shape && result_.residual_input < 0) {
      result_.residual_input = input;
      result_.fixed.residual_after_activation = activated;
      return ok_status();
    }
    return no("an operand that is neither one value a column nor of the output's shape");
  }

  Status add_activation(const PointwiseInstruction& step, int current) {
    if (result_.fixed.activation != Activation::kNone || result_.fixed.residual_after_activation) return no("two activations");
    if (step.args[0] != current) return no("more than a chain");
    std::optional<Form> form = unary_form(step.op);
    const auto a = step.args[1] >= 0 ? constant(step.args[1]) : std::nullopt;
    const auto b = step.args[2] >= 0 ? constant(step.args[2]) : std::nullopt;
    if (step.op == PointwiseOp::kClip && a && b) form = Form{Activation::kClip, *a, *b};
    if (step.op == PointwiseOp::kLeakyRelu && a) form = Form{Activation::kLeakyRelu, *a};
    if (step.op == PointwiseOp::kElu && a) form = Form{Activation::kElu, *a};
    if (step.op == PointwiseOp::kHardSigmoid && a && b) form = Form{Activation::kHardSigmoid, *a, *b};
    if (!form) return no(pointwise_op_name(step.op));
    result_.fixed.activation = form->activation;
    result_.fixed.alpha = form->alpha;
    result_.fixed.beta = form->beta;
    return ok_status();
  }

  const Problem& problem_;
  int column_axis_;
  DenseEpilogue result_;
};

}  // namespace

bool is_per_column(const Shape& shape, const Shape& output, int column_axis) {
  if (shape.size() > output.size()) return false;
  const size_t shift = output.size() - shape.size();
  const auto column = static_cast<size_t>(column_axis);
  if (column < shift) return false;
  for (size_t axis = 0; axis < shape.size(); ++axis) {
    const Dim& expected = axis + shift == column ? output[column] : Dim(1);
    if (shape[axis] != expected) return false;
  }
  return true;
}

Result<DenseEpilogue> match_epilogue(const Problem& problem, int column_axis, int op_bias) {
  return Matcher(problem, column_axis, op_bias).run();
}

void book_epilogue(const Problem& problem, const DenseEpilogue& epilogue, Layout layout, Offer& offer) {
  offer.input_layouts.resize(problem.inputs.size(), Layout::kRowMajor);
  offer.packed_inputs.resize(problem.inputs.size(), false);
  if (epilogue.bias_input >= 0) {
    const auto bias = static_cast<size_t>(epilogue.bias_input);
    offer.packed_inputs[bias] = problem.inputs[bias].constant;
  }
  if (epilogue.residual_input >= 0) offer.input_layouts[static_cast<size_t>(epilogue.residual_input)] = layout;
  epilogue.tail.book(problem, layout, offer);
}

Status check_dense_blobs(std::string_view tactic, const Problem& problem, const Offer& offer, int bias_input,
                        std::span<const Tensor> blobs, int64_t weights, DType dtype) {
  const auto bias = static_cast<size_t>(bias_input);
  const bool packed_bias = bias_input >= 0 && bias < offer.packed_inputs.size() && offer.packed_inputs[bias];
  const size_t expected = packed_bias ? 2 : 1;
  const bool fits = blobs.size() == expected && blobs[0].dtype() == dtype && blobs[0].count() == weights &&
                    (!packed_bias || (blobs[1].dtype() == DType::kF32 && blobs[1].count() == product(problem.inputs[bias].opt)));
  if (fits) return ok_status();
  return make_error(Code::kInvalidEngine, "{}: found {} blobs, expected {} with {} {} of packed weights; the engine is damaged: rebuild it",
                    tactic, blobs.size(), expected, weights, dtype_name(dtype));
}

Epilogue DenseEpilogue::at(const LaunchArgs& args, const Tensor& bias_blob, int64_t residual_stride) {
  Epilogue epilogue = fixed;
  if (bias_blob.defined()) epilogue.bias = bias_blob.data<float>();
  else if (bias_input >= 0) epilogue.bias = static_cast<const float*>(args.inputs[bias_input]);
  if (residual_input >= 0) {
    epilogue.residual = static_cast<const float*>(args.inputs[residual_input]);
    epilogue.residual_stride = residual_stride;
  }
  tail.at(args, epilogue);
  return epilogue;
}

}  // namespace sinter::cpu
