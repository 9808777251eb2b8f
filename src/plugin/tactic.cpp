#include "plugin/tactic.h"

#include "plugin/kernel.h"
#include "plugin/shapes.h"
#include "tactic/offer_helpers.h"

namespace sinter::plugin {
namespace {

std::vector<TensorSpec> specs_of(const std::vector<TensorDesc>& descs, std::span<const Dims> dims) {
  std::vector<TensorSpec> specs;
  for (size_t i = 0; i < descs.size(); ++i) specs.push_back({descs[i].present, descs[i].dtype, descs[i].present ? dims[i] : Dims(), {}});
  return specs;
}

std::vector<Dims> optimum(const std::vector<TensorDesc>& descs) {
  std::vector<Dims> dims;
  for (const TensorDesc& desc : descs) dims.push_back(desc.opt);
  return dims;
}

// The rule's answer on what a problem says; `dims` empty: on its symbols.
Result<std::vector<ShapeOutput>> ask(const Operator& op, const Problem& problem, std::span<const Dims> dims) {
  std::vector<ShapeInput> inputs;
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    const TensorDesc& desc = problem.inputs[i];
    inputs.push_back({desc.present, desc.dtype, dims.empty() ? desc.shape : to_shape(dims[i]), desc.value.defined() ? &desc.value : nullptr, std::nullopt});
  }
  return ask_shapes(op, problem.attributes, inputs, problem.outputs.size(), [](std::string_view name) { return Dim::symbol(fmt::format("by_data_{}", name)); });
}

bool takes_types(const Operator& op, const Problem& problem) {
  for (size_t i = 0; i < problem.inputs.size(); ++i) {
    if (op.c.input_count == 0) return false;
    if (problem.inputs[i].present && !contains(op.c.inputs[std::min(i, op.c.input_count - 1)].dtypes, problem.inputs[i].dtype)) return false;
  }
  return true;
}

// "" when the kernel can do the work.
std::string objection(const Operator& op, const Problem& problem) {
  if (problem.has_epilogue()) return "an epilogue";
  if (!takes_types(op, problem)) return "types that the plugin does not take";
  std::vector<bool> present;
  for (const TensorDesc& desc : problem.outputs) present.push_back(desc.present);
  if (!has_required_outputs(op, present)) return "an output that nobody wants, and that is not optional";
  const auto asked = ask(op, problem, {});
  if (!asked.ok()) return asked.status().message();
  for (size_t o = 0; o < problem.outputs.size(); ++o) {
    const TensorDesc& desc = problem.outputs[o];
    if (!desc.present) continue;
    if ((*asked)[o].depends_on_data()) return "sizes that depend on data";
    if ((*asked)[o].dtype != desc.dtype || (*asked)[o].shape != desc.shape) {
      return fmt::format("from shapes alone, its rule gives output {} {}{}, not {}{}", o, dtype_name((*asked)[o].dtype), to_string((*asked)[o].shape), dtype_name(desc.dtype), to_string(desc.shape));
    }
  }
  return "";
}

class PluginKernel final : public Kernel {
 public:
  PluginKernel(const Operator& op, const Problem& problem, Target target) : op_(op), problem_(problem), invocation_(op, problem.attributes, target) {}

  // Memory was planned for what the rule said while building: it must say the same now.
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int threads) override {
    auto asked = ask(op_, problem_, inputs);
    if (!asked.ok()) return named(asked.status());
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (!problem_.outputs[o].present) continue;
      if ((*asked)[o].depends_on_data()) {
        return named(make_error(Code::kInvalidArgument, "the shape rule of {} gives {} a size that depends on data, expected {} as when the engine was built; correct the plugin", op_.owner(),
                                output_name(op_, o), to_string(outputs[o])));
      }
      const Status same = check_same(op_, o, (*asked)[o], problem_.outputs[o].dtype, outputs[o]);
      if (!same.ok()) return named(same);
    }
    auto workspace = invocation_.prepare(specs_of(problem_.inputs, inputs), specs_of(problem_.outputs, outputs), threads);
    if (!workspace.ok()) return named(workspace.status());
    return *workspace;
  }

  Status launch(const LaunchArgs& args) override {
    const Status ran = invocation_.run(args.inputs, args.outputs, args.workspace, args.team, args.stream);
    return ran.ok() ? ok_status() : named(ran);
  }

 private:
  Status named(const Status& status) const { return make_error(status.code(), "node '{}' ({}): {}", problem_.node, op_.name, status.message()); }

  const Operator& op_;
  const Problem problem_;
  Invocation invocation_;
};

const Operator* operator_of(const Problem& problem) {
  const OpDef* op = find_op(problem.domain, problem.op);
  return op ? op->plugin : nullptr;
}

}  // namespace

void PluginTactic::query(const Problem& problem, Answer& answer) const {
  const Operator* op = operator_of(problem);
  if (!op) return;
  const bool on_cuda = device_ == DeviceKind::kCuda;
  if (on_cuda && !op->c.run_cuda) return answer.decline(fmt::format("{} has no kernel for a GPU", op->owner()));
  if (std::string reason = objection(*op, problem); !reason.empty()) return answer.decline(std::move(reason));
  Invocation kernel(*op, problem.attributes, on_cuda ? Target::kCuda : Target::kCpu);
  const auto workspace = kernel.plan(specs_of(problem.inputs, optimum(problem.inputs)), specs_of(problem.outputs, optimum(problem.outputs)), problem.threads);
  if (!workspace.ok()) return answer.decline(workspace.status().message());
  Offer offer = uniform_offer(problem, Layout::kRowMajor, fmt::format("{} {}", op->library.name, op->library.version));
  offer.workspace_bytes = *workspace;
  answer.offer(std::move(offer));
}

Result<std::unique_ptr<Kernel>> PluginTactic::bind(const Problem& problem, const Offer&, std::span<const Tensor>) const {
  const Operator* op = operator_of(problem);
  const bool on_cuda = device_ == DeviceKind::kCuda;
  if (!op || (on_cuda && !op->c.run_cuda)) return make_error(Code::kInvalidEngine, "node '{}': tactic '{}' is for operators of plugins, not for '{}'; build the engine again", problem.node, id_, problem.op);
  return std::unique_ptr<Kernel>(std::make_unique<PluginKernel>(*op, problem, on_cuda ? Target::kCuda : Target::kCpu));
}

}  // namespace sinter::plugin
