// A plugin's kernel made ready for one set of shapes. Used by one thread at a time.
#pragma once

#include "base/threads.h"
#include "plugin/call.h"

namespace sinter::plugin {

struct TensorSpec {
  bool present = true;
  DType dtype = DType::kUndefined;
  Dims dims;                  // sizes by data at their bound
  std::vector<bool> by_data;  // of outputs; {}: none
};

enum class Target : uint8_t { kCpu, kCuda };

class Invocation {
 public:
  Invocation(const Operator& op, Attributes attributes, Target target = Target::kCpu);
  ~Invocation();
  Invocation(const Invocation&) = delete;
  Invocation& operator=(const Invocation&) = delete;

  // The workspace for these shapes, in bytes.
  Result<int64_t> plan(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs, int threads);
  // The same, and makes the state.
  Result<int64_t> prepare(std::vector<TensorSpec> inputs, std::vector<TensorSpec> outputs, int threads);
  // Pointers as LaunchArgs has them. `team` may be null (one thread).
  Status run(const void* const* inputs, void* const* outputs, void* workspace, ThreadTeam* team, void* stream = nullptr);
  // After run: the dims that the outputs came out with.
  const std::vector<Dims>& result() const { return context_.result; }

 private:
  void end_state();
  sinter_plugin_run call();

  const Operator& op_;
  const Attributes attributes_;
  const AttributeValues values_;
  const Target target_;
  std::vector<TensorSpec> input_specs_, output_specs_;
  std::vector<sinter_plugin_tensor> inputs_, outputs_;
  sinter_plugin_context context_;
  int64_t workspace_bytes_ = 0;
  int threads_ = 1;
  void* state_ = nullptr;
};

// Whether the outputs that the plugin must write have a place: optional ones may be absent.
bool has_required_outputs(const Operator& op, const std::vector<bool>& present);

}  // namespace sinter::plugin
