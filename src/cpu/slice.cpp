// Slice with constant starts, axes and steps (negative steps too), row-major and channels-last, any element type of whole bytes. Sizes
// come from the output's shape.
#include <algorithm>

#include "cpu/copy_kernel.h"

namespace sinter::cpu {
namespace {

// The values of constant input `index`; empty when absent.
std::vector<int64_t> values(const Problem& problem, size_t index) {
  if (index >= problem.inputs.size() || !problem.inputs[index].present) return {};
  return problem.inputs[index].value.to_i64();
}

Status plan_slice(const Problem& problem, std::span<const Dims> inputs, std::span<const Dims> outputs, std::vector<CopyPart>& parts) {
  const Dims& in = inputs[0];
  const std::vector<int64_t> starts = values(problem, 1);
  std::vector<int64_t> axes = values(problem, 3), steps = values(problem, 4);
  if (axes.empty()) {
    for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
  }
  const Layout layout = problem.outputs[0].layout;
  Dims source = row_major_strides(memory_dims(in, layout, 0).dims);
  int64_t offset = 0;
  for (size_t i = 0; i < starts.size(); ++i) {
    const auto axis = static_cast<size_t>(normal_axis(axes[i], static_cast<int64_t>(in.size())));
    const size_t place = memory_dims(in, layout, axis).axis;
    const int64_t step = i < steps.size() ? steps[i] : 1, size = in[axis];
    const int64_t wanted = starts[i] < 0 ? starts[i] + size : starts[i];
    const int64_t start = step > 0 ? std::clamp<int64_t>(wanted, 0, size) : std::clamp<int64_t>(wanted, 0, std::max<int64_t>(size - 1, 0));
    offset += start * source[place];
    source[place] *= step;
  }
  const Dims dims = memory_dims(outputs[0], layout, 0).dims;
  parts.push_back({0, 0, make_copy_plan(dims, source, row_major_strides(dims), element_bytes(problem.outputs[0].dtype)), offset, 0});
  return ok_status();
}

class Slice final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Slice")) return;
    const std::string reason = copy_unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    for (size_t i = 1; i < problem.inputs.size(); ++i) {
      const bool needed = i != 2 && problem.inputs[i].present;  // ends are in the output's shape
      if (needed && !problem.inputs[i].value.defined()) return answer.decline("starts, axes or steps are not constant");
    }
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout != Layout::kRowMajor && problem.inputs[0].rank() < 3) continue;
      Offer offer = uniform_offer(problem, layout);
      for (size_t i = 1; i < offer.input_layouts.size(); ++i) offer.input_layouts[i] = Layout::kRowMajor;
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return make_copy_kernel(problem, offer, &plan_slice);
  }
};

}  // namespace

SINTER_CPU_TACTIC(slice, Slice)

}  // namespace sinter::cpu
