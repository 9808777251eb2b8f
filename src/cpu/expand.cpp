// Expand and Tile: repetition along axes, row-major, any element type of whole bytes. Both follow from the shapes alone.
#include "cpu/copy_kernel.h"

namespace sinter::cpu {
namespace {

// Every axis as [repeats][size]; Expand repeats only sizes of 1, so the same loops serve both.
Status plan_expand(const Problem& problem, std::span<const Dims> inputs, std::span<const Dims> outputs, std::vector<CopyPart>& parts) {
  const Dims& out = outputs[0];
  Dims in(out.size(), 1);
  std::copy(inputs[0].begin(), inputs[0].end(), in.end() - static_cast<std::ptrdiff_t>(inputs[0].size()));
  const Dims in_strides = row_major_strides(in), out_strides = row_major_strides(out);
  Dims dims, source, target;
  for (size_t i = 0; i < out.size(); ++i) {
    if (in[i] == 0 && out[i] != 0) return make_error(Code::kInvalidArgument, "expand {} to {}: nothing to repeat", to_string(inputs[0]), to_string(out));
    const int64_t repeats = in[i] == 0 ? 0 : out[i] / in[i];
    dims.insert(dims.end(), {repeats, in[i]});
    source.insert(source.end(), {0, in_strides[i]});
    target.insert(target.end(), {in[i] * out_strides[i], out_strides[i]});
  }
  parts.push_back({0, 0, make_copy_plan(dims, source, target, element_bytes(problem.outputs[0].dtype))});
  return ok_status();
}

class Expand final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Expand") && !is_op(problem, "Tile")) return;
    const std::string reason = copy_unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return make_copy_kernel(problem, offer, &plan_expand);
  }
};

}  // namespace

SINTER_CPU_TACTIC(expand, Expand)

}  // namespace sinter::cpu
