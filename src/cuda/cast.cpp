// Cast between floats, integers and bool, in any layout. Bandwidth-bound.
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

class CastKernel final : public Kernel {
 public:
  explicit CastKernel(Function function) : function_(std::move(function)) {}
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    count_ = product(inputs[0]);
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    Launch how;
    how.grid.x = ceil_quotient(count_, 256 * 8);
    how.threads = 256;
    how.stream = args.stream;
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], count_);
  }

 private:
  Function function_;
  int64_t count_ = 0;
};

class Cast final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Cast")) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    for (const TensorDesc* desc : {&problem.inputs[0], &problem.outputs[0]}) {
      if (device_type(desc->dtype).empty()) return answer.decline(fmt::format("element type {}", dtype_name(desc->dtype)));
    }
    for (Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout == Layout::kRowMajor || problem.inputs[0].rank() >= 3) answer.offer(uniform_offer(problem, layout));
    }
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem&, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "cast"));
    return std::unique_ptr<Kernel>(std::make_unique<CastKernel>(std::move(function)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"cast.cu", {fmt::format("IN={}", device_type(problem.inputs[0].dtype)), fmt::format("OUT={}", device_type(problem.outputs[0].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(cast, Cast)

}  // namespace sinter::cuda
