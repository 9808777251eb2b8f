// Transpose by any permutation, any element type of whole bytes, row-major. Neighbouring axes that stay together are merged; a
// permutation that moves the last axis runs in square tiles.
#include "cpu/copy_kernel.h"

namespace sinter::cpu {
namespace {

std::vector<int64_t> permutation(const Problem& problem) {
  std::vector<int64_t> reversed;
  for (int64_t i = problem.inputs[0].rank(); i-- > 0;) reversed.push_back(i);
  return problem.attributes.ints_or("perm", reversed);
}

Status plan_transpose(const Problem& problem, std::span<const Dims> inputs, std::span<const Dims> outputs, std::vector<CopyPart>& parts) {
  const Dims strides = row_major_strides(inputs[0]);
  Dims source;
  for (const int64_t axis : permutation(problem)) source.push_back(strides[static_cast<size_t>(axis)]);
  parts.push_back({0, 0, make_copy_plan(outputs[0], source, row_major_strides(outputs[0]), element_bytes(problem.outputs[0].dtype))});
  return ok_status();
}

class Transpose final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Transpose")) return;
    const std::string reason = copy_unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return make_copy_kernel(problem, offer, &plan_transpose);
  }
};

}  // namespace

SINTER_CPU_TACTIC(transpose, Transpose)

}  // namespace sinter::cpu
