// Shape and Size of a tensor on the device, whatever it holds: nothing of it is read (kernels/shape.cu).
#include <algorithm>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

constexpr int64_t kMostNumbers = 8;

// As in kernels/shape.cu.
struct Numbers {
  int64_t count = 0;
  int64_t at[kMostNumbers] = {};
};

class ShapeKernel final : public Kernel {
 public:
  ShapeKernel(Function function, const Problem& problem)
      : function_(std::move(function)), size_(problem.op == "Size"), start_(problem.attributes.i_or("start", 0)) {}
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims& dims = inputs[0];
    const auto rank = static_cast<int64_t>(dims.size());
    numbers_.count = product(outputs[0]);
    if (size_) {
      numbers_.at[0] = product(dims);
      return int64_t{0};
    }
    const int64_t first = std::clamp<int64_t>(start_ < 0 ? start_ + rank : start_, 0, rank);
    if (numbers_.count > std::min(rank - first, kMostNumbers)) {
      return make_error(Code::kInvalidArgument, "the shape {} has no {} dims from {} on; correct the model", to_string(dims), numbers_.count, first);
    }
    std::copy_n(dims.begin() + first, numbers_.count, numbers_.at);
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    if (numbers_.count == 0) return ok_status();
    Launch how;
    how.threads = 32;
    how.stream = args.stream;
    return cuda::launch(function_, how, args.outputs[0], numbers_);
  }

 private:
  Function function_;
  bool size_;
  int64_t start_;
  Numbers numbers_;
};

class ShapeOf final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Shape") && !is_op(problem, "Size")) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (problem.inputs[0].rank() > kMostNumbers) return answer.decline("rank above 8");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "shape"));
    return std::unique_ptr<Kernel>(std::make_unique<ShapeKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem&, const Offer&) const override { return Source{"shape.cu", {}, ""}; }
};

}  // namespace

SINTER_CUDA_TACTIC(shape, ShapeOf)

}  // namespace sinter::cuda
