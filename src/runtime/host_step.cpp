// Steps on the host: reference kernels and control flow, through core's EvalContext.
#include "runtime/region_executor.h"

namespace sinter::runtime {

class HostStep final : public EvalContext {
 public:
  HostStep(RegionExecutor& executor, size_t number)
      : executor_(executor), number_(number), program_(executor.program_.steps[number]), step_(*program_.step) {}

  Status run() {
    for (int32_t v : step_.inputs) {
      SINTER_TRY(executor_.resolve(v));
      inputs_.push_back(v < 0 ? Value() : executor_.value_of(v));
    }
    for (int32_t v : program_.captured) SINTER_TRY(executor_.resolve(v));
    outputs_.resize(step_.outputs.size());
    SINTER_TRY(evaluate_op(*program_.op, *this));
    for (size_t i = 0; i < step_.outputs.size(); ++i) {
      if (wants_output(static_cast<int>(i))) SINTER_TRY(executor_.store(step_.outputs[i], std::move(outputs_[i])));
    }
    return ok_status();
  }

  int input_count() const override { return static_cast<int>(inputs_.size()); }
  int output_count() const override { return static_cast<int>(outputs_.size()); }
  bool has_input(int index) const override { return index >= 0 && index < input_count() && step_.inputs[index] >= 0; }
  const Value& input(int index) const override { return inputs_[index]; }
  bool wants_output(int index) const override {
    if (index < 0 || index >= output_count() || step_.outputs[index] < 0) return false;
    return executor_.program_.region->values[step_.outputs[index]].storage != plan::Storage::kNone;
  }

  ValueType output_type(int index) const override {
    return wants_output(index) ? executor_.program_.region->values[step_.outputs[index]].type : ValueType();
  }
  bool has_subgraph(std::string_view attribute) const override { return executor_.child(number_, attribute) != nullptr; }

  // Writes straight into the value's place when the result is what the plan expects.
  Tensor& allocate(int index, DType dtype, Dims dims) override {
    if (index >= output_count()) {
      unwanted_.push_back(std::make_unique<Tensor>(dtype, std::move(dims)));
      return *unwanted_.back();
    }
    outputs_[index] = Value();
    if (wants_output(index)) {
      const int32_t v = step_.outputs[index];
      const Slot& slot = executor_.current_->slots[v];
      if (slot.fixed && slot.dims == dims && executor_.program_.region->values[v].type.dtype == dtype) {
        outputs_[index] = Tensor::view(dtype, std::move(dims), executor_.data_of(v));
        return outputs_[index].tensor();
      }
    }
    outputs_[index] = Tensor(dtype, std::move(dims));
    return outputs_[index].tensor();
  }

  void set_output(int index, Value value) override {
    if (index >= 0 && index < output_count()) outputs_[index] = std::move(value);
  }

  const Attributes& attributes() const override { return program_.attributes; }

  Result<std::vector<Value>> run_subgraph(std::string_view attribute, std::vector<Value> inputs) override {
    RegionExecutor* body = executor_.child(number_, attribute);
    if (!body) return error(fmt::format("the plan has no body '{}'", attribute));
    std::vector<Value> results;
    RunOptions options;  // in its parent's stream: it reads what is made there
    if (executor_.device_) options.stream = executor_.device_->stream();
    Status status = body->run(inputs, {}, true, results, options);
    if (!status.ok()) return std::move(status).with(fmt::format("while running body '{}' of '{}'", attribute, step_.name));
    return results;
  }

  Status error(std::string message) const override {
    return make_error(Code::kInvalidArgument, "node '{}' ({}): {}", step_.name, step_.problem.op, message);
  }

 private:
  RegionExecutor& executor_;
  const size_t number_;
  const StepProgram& program_;
  const plan::Step& step_;
  std::vector<Value> inputs_, outputs_;
  std::vector<std::unique_ptr<Tensor>> unwanted_;
};

Status RegionExecutor::run_host(size_t number) { return HostStep(*this, number).run(); }

}  // namespace sinter::runtime
