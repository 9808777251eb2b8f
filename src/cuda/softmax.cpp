// Softmax and LogSoftmax along any axis, f32, f16 and bf16, row-major. Bandwidth-bound.
#include <algorithm>

#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

class SoftmaxKernel final : public Kernel {
 public:
  SoftmaxKernel(Function rows, Function columns, int64_t axis) : rows_(std::move(rows)), columns_(std::move(columns)), axis_(axis) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(dims.size())));
    n_ = dims.empty() ? 1 : dims[axis];
    inner_ = dims.empty() ? 1 : product(dims, axis + 1);
    lines_ = n_ == 0 ? 0 : product(dims) / n_;
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    Launch how;
    how.stream = args.stream;
    if (inner_ == 1) {
      how.grid.x = lines_;
      how.threads = static_cast<int>(std::clamp<int64_t>(round_up(ceil_quotient(n_, 4), 32), 32, 1024));
      return cuda::launch(rows_, how, args.inputs[0], args.outputs[0], n_);
    }
    how.threads = 256;
    how.grid.x = ceil_quotient(lines_, 256);
    return cuda::launch(columns_, how, args.inputs[0], args.outputs[0], n_, inner_, lines_);
  }

 private:
  Function rows_, columns_;
  int64_t axis_, n_ = 1, inner_ = 1, lines_ = 0;
};

class Softmax final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "Softmax") && !is_op(problem, "LogSoftmax")) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (!is_compute_float(problem.inputs[0].dtype)) return answer.decline("not f32, f16 or bf16");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    const char* name = problem.op == "Softmax" ? "softmax" : "log_softmax";
    SINTER_ASSIGN(Function rows, load_code(blobs, fmt::format("rows_{}", name)));
    SINTER_ASSIGN(Function columns, load_code(blobs, fmt::format("columns_{}", name)));
    return std::unique_ptr<Kernel>(std::make_unique<SoftmaxKernel>(std::move(rows), std::move(columns), problem.attributes.i_or("axis", -1)));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"rows.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(softmax, Softmax)

}  // namespace sinter::cuda
