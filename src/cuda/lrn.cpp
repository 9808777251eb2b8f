// LRN of f32, f16 and bf16, row-major and channels-last (kernels/lrn.cu). Bandwidth-bound.
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// As in kernels/lrn.cu.
struct LrnArgs {
  int64_t count = 0, channels = 1, step = 1, before = 0, after = 0;
  float alpha = 0, beta = 0, bias = 0, padding = 0;
};

class LrnKernel final : public Kernel {
 public:
  LrnKernel(Function function, const Problem& problem, Layout layout) : function_(std::move(function)), layout_(layout) {
    const int64_t size = problem.attributes.i_or("size", 1);
    args_.before = (size - 1) / 2;
    args_.after = size - 1 - args_.before;
    args_.alpha = problem.attributes.f_or("alpha", 0.0001f) / static_cast<float>(size);
    args_.beta = problem.attributes.f_or("beta", 0.75f);
    args_.bias = problem.attributes.f_or("bias", 1.0f);
  }
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    args_.count = product(inputs[0]);
    args_.channels = inputs[0][1];
    args_.step = layout_ == Layout::kRowMajor ? product(inputs[0], 2) : 1;
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(args_.count, args.stream);
    return cuda::launch(function_, how, args.inputs[0], args.outputs[0], args_);
  }

 private:
  Function function_;
  Layout layout_;
  LrnArgs args_;
};

class Lrn final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "LRN")) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (!is_compute_float(problem.inputs[0].dtype)) return answer.decline("not f32, f16 or bf16");
    if (problem.inputs[0].rank() < 3) return answer.decline("rank below 3");
    if (problem.attributes.i_or("size", 0) < 1) return answer.decline("no window");
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) answer.offer(uniform_offer(problem, layout));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "lrn"));
    return std::unique_ptr<Kernel>(std::make_unique<LrnKernel>(std::move(function), problem, offer.input_layouts[0]));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"lrn.cu", {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype))}, ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(lrn, Lrn)

}  // namespace sinter::cuda
