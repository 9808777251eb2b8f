// Split along any axis, row-major and channels-last, and along channels in blocked layouts where every part but the last fills its
// blocks. Sizes come from the outputs' shapes. Any element type of whole bytes.
#include "cpu/copy_kernel.h"

namespace sinter::cpu {
namespace {

size_t axis_of(const Problem& problem) {
  return static_cast<size_t>(normal_axis(problem.attributes.i_or("axis", 0), problem.inputs[0].rank()));
}

Status plan_split(const Problem& problem, std::span<const Dims> inputs, std::span<const Dims> outputs, std::vector<CopyPart>& parts) {
  const Layout layout = problem.outputs[0].layout;
  const MemoryDims whole = memory_dims(inputs[0], layout, axis_of(problem));
  const Dims source = row_major_strides(whole.dims);
  int64_t start = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const MemoryDims part = memory_dims(outputs[i], layout, axis_of(problem));
    const CopyPlan plan = make_copy_plan(part.dims, source, row_major_strides(part.dims), element_bytes(problem.outputs[0].dtype));
    if (problem.outputs[i].present) parts.push_back({0, i, plan, start * source[whole.axis], 0});
    start += part.dims[whole.axis];
  }
  return ok_status();
}

class Split final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Split")) return;
    const std::string reason = copy_unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    for (const TensorDesc& output : problem.outputs) {
      if (output.rank() != problem.inputs[0].rank()) return answer.decline("an output's shape is unknown");
    }
    for (int l = 0; l < (problem.inputs[0].rank() < 3 ? 1 : kLayoutCount); ++l) {
      const auto layout = static_cast<Layout>(l);
      if (channel_block(layout) > 1 && !fills_blocks(problem, channel_block(layout))) continue;
      Offer offer = uniform_offer(problem, layout);
      for (size_t i = 1; i < offer.input_layouts.size(); ++i) offer.input_layouts[i] = Layout::kRowMajor;
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return make_copy_kernel(problem, offer, &plan_split);
  }

 private:
  static bool fills_blocks(const Problem& problem, int64_t block) {
    if (axis_of(problem) != 1) return true;
    for (size_t i = 0; i + 1 < problem.outputs.size(); ++i) {
      if (!mod(problem.outputs[i].shape[1], block).is(0)) return false;
    }
    return true;
  }
};

}  // namespace

SINTER_CPU_TACTIC(split, Split)

}  // namespace sinter::cpu
