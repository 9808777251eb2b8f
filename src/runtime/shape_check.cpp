// check_step_shapes: runs an operator's shape rule on concrete dims.
#include "runtime/shape_plan.h"

namespace sinter::runtime {
namespace {

class ConcreteInfer final : public InferContext {
 public:
  ConcreteInfer(const StepProgram& step, const std::vector<Dims>& inputs) : step_(step) {
    const Problem& problem = step.step->problem;
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      const TensorDesc& desc = problem.inputs[i];
      types_.push_back(desc.present ? ValueType::tensor(desc.dtype, to_shape(inputs[i])) : ValueType());
    }
    outputs.resize(problem.outputs.size());
    attributes_ = problem.attributes;
    if (problem.has_epilogue()) {
      attributes_.set(std::string(kEpilogueAttr), problem.epilogue.to_string());
      attributes_.set(std::string(kEpilogueBaseAttr), int64_t{problem.epilogue_base});
    }
  }

  int input_count() const override { return static_cast<int>(types_.size()); }
  int output_count() const override { return static_cast<int>(outputs.size()); }
  bool has_input(int index) const override { return in_range(index) && desc(index).present; }
  bool has_output(int index) const override {
    return index >= 0 && index < output_count() && step_.step->problem.outputs[index].present;
  }
  const ValueType& input_type(int index) const override { return in_range(index) ? types_[index] : unknown_; }
  const Shape* input_shape(int index) const override { return has_input(index) ? &*types_[index].shape : nullptr; }
  const Tensor* input_constant(int index) const override {
    return has_input(index) && desc(index).value.defined() ? &desc(index).value : nullptr;
  }
  std::optional<ShapeTensor> input_elements(int index) const override {
    const Tensor* constant = input_constant(index);
    if (!constant || !is_integer(constant->dtype()) || constant->rank() > 1) return std::nullopt;
    ShapeTensor elements{constant->dims(), {}};
    for (int64_t value : constant->to_i64()) elements.elements.emplace_back(value);
    return elements;
  }
  const Attributes& attributes() const override { return attributes_; }
  void set_output(int index, ValueType type) override {
    if (index >= 0 && index < output_count()) outputs[index] = std::move(type);
  }
  void set_output_elements(int, ShapeTensor) override {}
  Dim fresh_symbol(std::string_view hint) override { return Dim::symbol(fmt::format("fresh_{}_{}", hint, ++fresh_)); }
  Result<std::vector<ValueType>> infer_subgraph(std::string_view, std::span<const ValueType>) override {
    return error("a kernel step has no bodies");
  }
  Status error(std::string message) const override { return Status(Code::kInvalidEngine, std::move(message)); }

  std::vector<ValueType> outputs;

 private:
  bool in_range(int index) const { return index >= 0 && index < input_count(); }
  const TensorDesc& desc(int index) const { return step_.step->problem.inputs[index]; }

  const StepProgram& step_;
  std::vector<ValueType> types_;
  const ValueType unknown_;
  Attributes attributes_;
  int fresh_ = 0;
};

}  // namespace

Status check_step_shapes(const StepProgram& step, const std::vector<Dims>& inputs, const std::vector<Dims>& outputs) {
  if (!step.op || !step.op->infer || step.op->plugin) return ok_status();  // kernels of plugins ask the rule themselves
  ConcreteInfer context(step, inputs);
  SINTER_TRY(infer_op(*step.op, context));
  for (size_t i = 0; i < outputs.size(); ++i) {
    const TensorDesc& desc = step.step->problem.outputs[i];
    const ValueType& type = context.outputs[i];
    if (!desc.present || !type.is_tensor() || !type.shape) continue;
    bool same = type.shape->size() == outputs[i].size() && type.dtype == desc.dtype;
    for (size_t axis = 0; same && axis < outputs[i].size(); ++axis) {
      same = !(*type.shape)[axis].is_constant() || (*type.shape)[axis].value() == outputs[i][axis];
    }
    if (same) continue;
    return make_error(Code::kInvalidEngine, "output {} is {}{}, but the operator's shape rule gives {}; the engine is damaged, build "
                      "it again", i, dtype_name(desc.dtype), to_string(outputs[i]), type.to_string());
  }
  return ok_status();
}

}  // namespace sinter::runtime
