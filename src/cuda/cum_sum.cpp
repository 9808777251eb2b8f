// CumSum of f32, f16, bf16, i32 and i64, row-major (kernels/cum_sum.cu). Bandwidth-bound.
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

constexpr int kThreads = 256, kLines = kThreads / 32;

class CumSumKernel final : public Kernel {
 public:
  CumSumKernel(Function function, const Problem& problem)
      : function_(std::move(function)), axis_(problem.inputs[1].value.to_i64()[0]), exclusive_(problem.attributes.i_or("exclusive", 0) != 0),
        reverse_(problem.attributes.i_or("reverse", 0) != 0) {}
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(dims.size())));
    length_ = dims[axis];
    inner_ = product(dims, axis + 1);
    lines_ = length_ == 0 ? 0 : product(dims) / length_;
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    Launch how;
    how.threads = kThreads;
    how.grid.x = ceil_quotient(lines_, kLines);
    how.stream = args.stream;
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], lines_, length_, inner_, exclusive_, reverse_);
  }

 private:
  Function function_;
  int64_t axis_;
  int32_t exclusive_, reverse_;
  int64_t length_ = 0, inner_ = 1, lines_ = 0;
};

class CumSum final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "CumSum")) return;
    const TensorDesc &input = problem.inputs[0], &axis = problem.inputs[1];
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (!is_compute_float(input.dtype) && input.dtype != DType::kI32 && input.dtype != DType::kI64) {
      return answer.decline(fmt::format("not for {}", dtype_name(input.dtype)));
    }
    if (!axis.value.defined() || axis.value.count() != 1) return answer.decline("the axis is not constant");
    const int64_t at = normal_axis(axis.value.to_i64()[0], input.rank());
    if (at < 0 || at >= input.rank()) return answer.decline("axis out of range");
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    offer.packed_inputs = {false, true};
    answer.offer(std::move(offer));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "cum_sum"));
    return std::unique_ptr<Kernel>(std::make_unique<CumSumKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"cum_sum.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(cum_sum, CumSum)

}  // namespace sinter::cuda
