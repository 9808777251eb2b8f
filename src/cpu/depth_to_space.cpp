// DepthToSpace and SpaceToDepth in both modes, row-major, any element type of whole bytes: one copy over six loops.
#include "cpu/copy_kernel.h"

namespace sinter::cpu {
namespace {

Status plan_depth_to_space(const Problem& problem, std::span<const Dims> inputs, std::span<const Dims> outputs, std::vector<CopyPart>& parts) {
  const bool to_space = problem.op == "DepthToSpace";
  const int64_t b = problem.attributes.i("blocksize");
  // The side with space is [n][c][h][i][w][j]; the side with depth has i and j among the channels.
  const Dims& space = to_space ? outputs[0] : inputs[0];
  const int64_t c = space[1], h = space[2] / b, w = space[3] / b, plane = h * w;
  const bool crd = problem.attributes.s_or("mode", "DCR") == "CRD";
  const Dims dims = {space[0], c, h, b, w, b};
  const Dims in_space = row_major_strides(dims);
  const int64_t image = c * b * b * plane;
  const Dims in_depth = crd ? Dims{image, b * b * plane, w, b * plane, 1, plane} : Dims{image, plane, w, b * c * plane, 1, c * plane};
  const int bytes = element_bytes(problem.outputs[0].dtype);
  parts.push_back({0, 0, to_space ? make_copy_plan(dims, in_depth, in_space, bytes) : make_copy_plan(dims, in_space, in_depth, bytes)});
  return ok_status();
}

class DepthToSpace final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "DepthToSpace") && !is_op(problem, "SpaceToDepth")) return;
    const std::string reason = copy_unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return make_copy_kernel(problem, offer, &plan_depth_to_space);
  }
};

}  // namespace

SINTER_CPU_TACTIC(depth_to_space, DepthToSpace)

}  // namespace sinter::cpu
