// Gather along one axis, elements of 1, 2, 4 or 8 bytes, row-major. An index out of range gives zero and is reported.
// Bandwidth-bound.
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

class GatherKernel final : public Kernel {
 public:
  GatherKernel(Function function, int64_t axis) : function_(std::move(function)), axis_(axis) {}
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(inputs[0].size())));
    size_ = inputs[0][axis];
    inner_ = product(inputs[0], axis + 1);
    index_count_ = product(inputs[1]);
    count_ = product(outputs[0]);
    if (size_ == 0 && count_ > 0) return make_error(Code::kInvalidArgument, "gather from an axis of no elements; expected at least one");
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(count_, args.stream);
    return cuda::launch(function_, how, args.inputs[0], args.inputs[1], args.outputs[0], count_, inner_, index_count_, size_, args.fault);
  }

 private:
  Function function_;
  int64_t axis_, size_ = 0, inner_ = 1, index_count_ = 1, count_ = 0;
};

class Gather final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Gather")) return;
    const int bytes = element_bytes(problem.inputs[0].dtype);
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "gather"));
    return std::unique_ptr<Kernel>(std::make_unique<GatherKernel>(std::move(function), problem.attributes.i_or("axis", 0)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"gather.cu",
                  {fmt::format("BYTES={}", element_bytes(problem.inputs[0].dtype)), fmt::format("INDEX={}", device_type(problem.inputs[1].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(gather, Gather)

}  // namespace sinter::cuda
