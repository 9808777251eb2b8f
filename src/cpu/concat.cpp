// Concat along any axis, row-major and channels-last, and along channels in blocked layouts where every part but the last fills its
// blocks. Any element type of whole bytes.
#include "cpu/copy_kernel.h"

namespace sinter::cpu {
namespace {

size_t axis_of(const Problem& problem) {
  return static_cast<size_t>(normal_axis(problem.attributes.i("axis"), problem.outputs[0].rank()));
}

Status plan_concat(const Problem& problem, std::span<const Dims> inputs, std::span<const Dims> outputs, std::vector<CopyPart>& parts) {
  const Layout layout = problem.outputs[0].layout;
  const MemoryDims whole = memory_dims(outputs[0], layout, axis_of(problem));
  const Dims target = row_major_strides(whole.dims);
  int64_t start = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const MemoryDims part = memory_dims(inputs[i], layout, axis_of(problem));
    const CopyPlan plan = make_copy_plan(part.dims, row_major_strides(part.dims), target, element_bytes(problem.outputs[0].dtype));
    parts.push_back({i, 0, plan, 0, start * target[whole.axis]});
    start += part.dims[whole.axis];
  }
  return ok_status();
}

class Concat final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Concat")) return;
    const std::string reason = copy_unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    const int rank = problem.outputs[0].rank();
    for (int l = 0; l < (rank < 3 ? 1 : kLayoutCount); ++l) {
      const auto layout = static_cast<Layout>(l);
      if (channel_block(layout) > 1 && !fills_blocks(problem, channel_block(layout))) continue;
      answer.offer(uniform_offer(problem, layout));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return make_copy_kernel(problem, offer, &plan_concat);
  }

 private:
  static bool fills_blocks(const Problem& problem, int64_t block) {
    if (axis_of(problem) != 1) return true;
    for (size_t i = 0; i + 1 < problem.inputs.size(); ++i) {
      if (!mod(problem.inputs[i].shape[1], block).is(0)) return false;
    }
    return true;
  }
};

}  // namespace

SINTER_CPU_TACTIC(concat, Concat)

}  // namespace sinter::cpu
