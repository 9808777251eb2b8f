#include "plugin/kernel.h"

namespace sinter::plugin {
namespace {

constexpr int64_t kMostWorkspace = int64_t{1} << 46;

std::vector<sinter_plugin_tensor> as_tensors(const std::vector<TensorSpec>& specs) {
  std::vector<sinter_plugin_tensor> tensors;
  for (const TensorSpec& spec : specs) tensors.push_back(spec.present ? as_tensor(spec.dtype, spec.dims, nullptr) : sinter_plugin_tensor{});
  return tensors;
}

}  // namespace

Invocation::Invocation(const Operator& op, Attributes attributes, Target target) : op_(op), attributes_(std::move(attributes)), values_(op, attributes_), target_(target) {}

Invocation::~Invocation() { end_state(); }

void Invocation::end_state() {
  if (!state_ || !op_.c.destroy) return;
  sinter_plugin_context context;
  (void)guarded(op_, "destroy", context, [&] { return op_.c.destroy(state_), 0; });  // nobody is left to hear of a failure
  state_ = nullptr;
}

sinter_plugin_run Invocation::call() {
  context_.failure.clear();
  sinter_plugin_run call{};
  call.struct_size = sizeof call;
  call.host = &host_table();
  call.context = &context_;
  call.attributes = values_.data();
  call.attribute_count = values_.size();
  call.inputs = inputs_.data();
  call.input_count = inputs_.size();
  call.outputs = outputs_.data();
  call.output_count = outputs_.size();
  call.state = state_;
  call.threads = threads_;
  call.workspace_bytes = static_cast<size_t>(workspace_bytes_);
  return call;
}

Result<int64_t> Invocation::plan(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs, int threads) {
  end_state();
  input_specs_ = std::move(inputs);
  output_specs_ = std::move(outputs);
  inputs_ = as_tensors(input_specs_);
  outputs_ = as_tensors(output_specs_);
  threads_ = threads;
  workspace_bytes_ = 0;
  context_.by_data.clear();
  context_.bounds.clear();
  for (const TensorSpec& spec : output_specs_) {
    context_.by_data.push_back(spec.by_data);
    context_.by_data.back().resize(spec.dims.size(), false);
    context_.bounds.push_back(spec.dims);
  }
  if (!op_.c.workspace) return int64_t{0};
  const sinter_plugin_run asked = call();
  int64_t bytes = 0;
  SINTER_TRY(guarded(op_, "the workspace", context_, [&] { return op_.c.workspace(&asked, &bytes); }));
  if (bytes < 0 || bytes > kMostWorkspace) {
    return make_error(Code::kInvalidArgument, "{} asks for {} bytes of workspace; expected a size that fits into memory; correct the plugin", op_.owner(), bytes);
  }
  return workspace_bytes_ = bytes;
}

Result<int64_t> Invocation::prepare(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs, int threads) {
  SINTER_ASSIGN(const int64_t bytes, plan(std::move(inputs), std::move(outputs), threads));
  if (!op_.c.create) return bytes;
  const sinter_plugin_run asked = call();
  SINTER_TRY(guarded(op_, "create", context_, [&] { return op_.c.create(&asked, &state_); }));
  return bytes;
}

Status Invocation::run(const void* const* inputs, void* const* outputs, void* workspace, ThreadTeam* team, void* stream) {
  for (size_t i = 0; i < inputs_.size(); ++i) inputs_[i].data = const_cast<void*>(inputs[i]);
  for (size_t i = 0; i < outputs_.size(); ++i) outputs_[i].data = outputs[i];
  context_.team = team;
  context_.result = context_.bounds;  // in the memory it has
  for (size_t o = 0; o < context_.result.size(); ++o) {
    for (size_t axis = 0; axis < context_.result[o].size(); ++axis) {
      if (context_.by_data[o][axis]) context_.result[o][axis] = -1;
    }
  }
  sinter_plugin_run asked = call();
  asked.workspace = workspace;
  asked.cuda_stream = stream;
  const bool on_cuda = target_ == Target::kCuda;
  SINTER_TRY(guarded(op_, on_cuda ? "the CUDA kernel" : "the kernel", context_, [&] { return on_cuda ? op_.c.run_cuda(&asked) : op_.c.run(&asked); }));
  for (size_t o = 0; o < context_.result.size(); ++o) {
    for (size_t axis = 0; axis < context_.result[o].size(); ++axis) {
      if (context_.result[o][axis] >= 0 || !output_specs_[o].present) continue;
      return make_error(Code::kInvalidArgument, "the kernel of {} did not say how large output {} is along axis {}; expected a call of set_size; correct the plugin", op_.owner(), o, axis);
    }
  }
  return ok_status();
}

bool has_required_outputs(const Operator& op, const std::vector<bool>& present) {
  for (size_t o = 0; o < present.size() && o < op.c.output_count; ++o) {
    if (!present[o] && op.c.outputs[o].kind != SINTER_PLUGIN_OPTIONAL) return false;
  }
  return true;
}

}  // namespace sinter::plugin
