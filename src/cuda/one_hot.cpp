// OneHot with integer indices, elements of 1, 2, 4 or 8 bytes, row-major (kernels/one_hot.cu). Bandwidth-bound.
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

class OneHotKernel final : public Kernel {
 public:
  OneHotKernel(Function function, int64_t axis) : function_(std::move(function)), axis_(axis) {}
  Result<int64_t> specialize(std::span<const Dims>, std::span<const Dims> outputs, int) override {
    const Dims& dims = outputs[0];
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(dims.size())));
    depth_ = dims[axis];
    inner_ = product(dims, axis + 1);
    count_ = product(dims);
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(count_, args.stream);
    return cuda::launch(function_, how, args.inputs[0], args.inputs[2], args.outputs[0], count_, depth_, inner_);
  }

 private:
  Function function_;
  int64_t axis_, depth_ = 1, inner_ = 1, count_ = 0;
};

class OneHot final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "OneHot")) return;
    const int bytes = element_bytes(problem.inputs[2].dtype);
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (!is_integer(problem.inputs[0].dtype) || device_type(problem.inputs[0].dtype).empty()) return answer.decline("indices are no integers");
    if (bytes == 0 || bytes > 8) return answer.decline("elements are not of 1, 2, 4 or 8 bytes");
    if (!problem.inputs[1].constant) return answer.decline("the depth is not constant");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.packed_inputs = {false, true, false};
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "one_hot"));
    return std::unique_ptr<Kernel>(std::make_unique<OneHotKernel>(std::move(function), problem.attributes.i_or("axis", -1)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"one_hot.cu",
                  {fmt::format("BYTES={}", element_bytes(problem.inputs[2].dtype)),
                   fmt::format("INDEX={}", device_type(problem.inputs[0].dtype))},
                  ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(one_hot, OneHot)

}  // namespace sinter::cuda
