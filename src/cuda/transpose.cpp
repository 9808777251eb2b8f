// Transpose of any rank and element type of 1, 2, 4 or 8 bytes, row-major. Bandwidth-bound.
#include "cuda/cuda_tactic.h"
#include "cuda/strided_copy.h"

namespace sinter::cuda {
namespace {

Result<std::vector<int64_t>> permutation(const Problem& problem) {
  const int rank = problem.inputs[0].rank();
  std::vector<int64_t> perm;
  if (const auto* given = problem.attributes.find_as<std::vector<int64_t>>("perm")) perm = *given;
  if (perm.empty()) {
    for (int d = rank; d-- > 0;) perm.push_back(d);
  }
  std::vector<bool> seen(static_cast<size_t>(rank), false);
  bool good = perm.size() == static_cast<size_t>(rank);
  for (int64_t axis : perm) {
    if (!good || axis < 0 || axis >= rank || seen[static_cast<size_t>(axis)]) good = false;
    else seen[static_cast<size_t>(axis)] = true;
  }
  if (!good) return make_error(Code::kInvalidArgument, "perm is no permutation");
  return perm;
}

class TransposeKernel final : public Kernel {
 public:
  TransposeKernel(StridedCopy copy, std::vector<int64_t> perm) : copy_(std::move(copy)), perm_(std::move(perm)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    copy_.clear();
    const Dims own = row_major_strides(inputs[0]);
    Dims source;
    for (int64_t axis : perm_) source.push_back(own[static_cast<size_t>(axis)]);
    SINTER_TRY(copy_.add(outputs[0], source, row_major_strides(outputs[0])));
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    return copy_.parts() == 0 ? ok_status() : copy_.launch(0, args.inputs[0], args.outputs[0], args.stream);
  }

 private:
  StridedCopy copy_;
  std::vector<int64_t> perm_;
};

class Transpose final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Transpose")) return;
    const int bytes = element_bytes(problem.inputs[0].dtype);
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    if (problem.inputs[0].rank() > kMapRank) return answer.decline(fmt::format("rank {} > {}", problem.inputs[0].rank(), kMapRank));
    if (!permutation(problem).ok()) return answer.decline("perm is no permutation");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(std::vector<int64_t> perm, permutation(problem));
    SINTER_ASSIGN(StridedCopy copy, StridedCopy::make(blobs.empty() ? Tensor() : blobs.back(), element_bytes(problem.inputs[0].dtype)));
    return std::unique_ptr<Kernel>(std::make_unique<TransposeKernel>(std::move(copy), std::move(perm)));
  }

 protected:
  Result<Source> source(const Problem&, const Offer&) const override { return StridedCopy::source(); }
};

}  // namespace

SINTER_CUDA_TACTIC(transpose, Transpose)

}  // namespace sinter::cuda
