// check_step: does a step of a plan fit its operator and its tactic? Reference kernels and tactics rely on what the model's
// checker and the builder made sure of; an engine from a file must not get past that. Cheap: types and attributes, no data.
#include <algorithm>

#include "base/cpu_info.h"
#include "runtime/program.h"

namespace sinter::runtime {
namespace {

class StepChecker {
 public:
  StepChecker(const plan::Region& region, const StepProgram& program)
      : region_(region), program_(program), step_(*program.step), op_(program.op) {}

  Status run() const {
    if (step_.kind == plan::StepKind::kTransfer) return ok_status();  // validate() knows all of it
    if (op_) {
      SINTER_TRY(check_inputs());
      SINTER_TRY(check_attributes());
    }
    return step_.kind == plan::StepKind::kKernel ? check_kernel() : ok_status();
  }

 private:
  template <typename... Args>
  Status invalid(fmt::format_string<Args...> format, Args&&... args) const {
    return make_error(Code::kInvalidEngine, "step '{}' ({}): {}; the engine is damaged or of another Sinter, build it again",
                      step_.name, step_.problem.op, fmt::format(format, std::forward<Args>(args)...));
  }

  bool is_packed(size_t index) const { return index < step_.offer.packed_inputs.size() && step_.offer.packed_inputs[index]; }

  Status check_inputs() const {
    const size_t count = step_.problem.has_epilogue() ? static_cast<size_t>(step_.problem.epilogue_base) : step_.inputs.size();
    if (static_cast<int64_t>(count) < op_->min_inputs() || static_cast<int64_t>(count) > op_->max_inputs()) {
      return invalid("{} inputs, the operator takes {} to {}", count, op_->min_inputs(), op_->max_inputs());
    }
    if (static_cast<int64_t>(step_.outputs.size()) > op_->max_outputs()) return invalid("{} outputs", step_.outputs.size());
    for (size_t i = 0; i < count; ++i) {
      const ParamDef& param = op_->inputs[std::min(i, op_->inputs.size() - 1)];
      const int32_t v = step_.inputs[i];
      if (v < 0) {
        if (param.kind == ParamKind::kSingle && !is_packed(i)) return invalid("input {} ('{}') is absent", i, param.name);
        continue;
      }
      const TypeVar* types = op_->find_type(param.type);
      const ValueType& type = region_.values[v].type;
      if (types && !allows(*types, type)) return invalid("input {} ('{}') is {}", i, param.name, type.to_string());
    }
    for (size_t i = count; i < step_.inputs.size(); ++i) {
      const int32_t v = step_.inputs[i];
      if (v < 0 && !is_packed(i)) return invalid("epilogue input {} is absent", i);
      if (v >= 0 && !region_.values[v].type.is_tensor()) return invalid("epilogue input {} is no tensor", i);
    }
    return ok_status();
  }

  static bool allows(const TypeVar& types, const ValueType& type) {
    switch (type.kind) {
      case ValueType::Kind::kTensor:
        return contains(types.tensors, type.dtype) || (types.tensors == 0 && !types.sequences && !types.optionals);
      case ValueType::Kind::kSequence: return types.sequences || types.optionals;
      case ValueType::Kind::kOptional: return types.optionals;
      case ValueType::Kind::kUnknown: break;
    }
    return true;
  }

  // Import completes attributes with the schema's defaults, so kernels ask for them without a fallback.
  Status check_attributes() const {
    for (const AttrDef& attribute : op_->attributes) {
      if (attribute.kind == AttrKind::kGraph) continue;
      const AttrValue* value = step_.problem.attributes.find(attribute.name);
      if (!value && (attribute.required || attribute.default_value)) return invalid("attribute '{}' is missing", attribute.name);
      if (value && value->index() != static_cast<size_t>(attribute.kind)) {
        return invalid("attribute '{}' is of kind {}, the operator takes {}", attribute.name,
                       attr_kind_name(static_cast<AttrKind>(value->index())), attr_kind_name(attribute.kind));
      }
      const auto* tensor = step_.problem.attributes.find_as<Tensor>(attribute.name);
      if (tensor && !tensor->defined()) return invalid("attribute '{}' has no value", attribute.name);
    }
    return ok_status();
  }

  // Would the tactic take this work today? Its bind relies on what its query declines. Configurations may differ: they depend on
  // the machine, and bind reads the stored one.
  Status check_kernel() const {
    const Problem& stored = step_.problem;
    if (!has_isa(stored.isa)) {
      return make_error(Code::kTargetMismatch, "step '{}' needs {}, this machine has {}; re-tune the engine with 'sinter retune F'",
                        step_.name, isa_name(stored.isa), isa_name(cpu_info().isa));
    }
    if (step_.tactic.substr(0, 4) != "cpu." && step_.tactic.substr(0, 5) != "cuda.") return ok_status();  // providers check for themselves, and asking them is slow
    if (!program_.tactic->source().empty()) return ok_status();  // so is asking a library, whose tactics check in bind
    Problem problem = stored;
    const bool reformat = stored.op == "Reformat";  // its problem is about layouts
    for (TensorDesc& desc : problem.inputs) {
      if (!reformat) desc.layout = Layout::kRowMajor;
    }
    for (TensorDesc& desc : problem.outputs) {
      if (!reformat) desc.layout = Layout::kRowMajor;
    }
    Answer answer;
    program_.tactic->query(problem, answer);
    for (const Offer& offer : answer.offers) {
      const bool same = offer.input_layouts == step_.offer.input_layouts && offer.output_layouts == step_.offer.output_layouts;
      if (reformat || same) return ok_status();
    }
    return invalid("tactic '{}' does not take it{}{}", step_.tactic, answer.declines.empty() ? "" : ": ",
                   answer.declines.empty() ? "" : answer.declines[0].reason);
  }

  const plan::Region& region_;
  const StepProgram& program_;
  const plan::Step& step_;
  const OpDef* op_;
};

}  // namespace

Status check_step(const plan::Region& region, const StepProgram& program) { return StepChecker(region, program).run(); }

}  // namespace sinter::runtime
