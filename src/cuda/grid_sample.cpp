// GridSample of images (two spatial axes), f32, f16 and bf16, every mode and padding, row-major (kernels/grid_sample.cu). Bandwidth-bound.
#include "cuda/cuda_tactic.h"

namespace sinter::cuda {
namespace {

// As in kernels/grid_sample.cu.
struct Samples {
  int64_t count = 0, channels = 1, h = 1, w = 1, pixels = 1;
  int32_t align = 0, padding = 0;
};

// MODE and PAD of the kernel; -1: unknown.
int mode_of(const Problem& problem) {
  const std::string mode = problem.attributes.s_or("mode", "linear");
  if (mode == "nearest") return 0;
  if (mode == "linear" || mode == "bilinear") return 1;
  return mode == "cubic" || mode == "bicubic" ? 2 : -1;
}
int padding_of(const Problem& problem) {
  const std::string padding = problem.attributes.s_or("padding_mode", "zeros");
  return padding == "zeros" ? 0 : padding == "border" ? 1 : padding == "reflection" ? 2 : -1;
}

class GridSampleKernel final : public Kernel {
 public:
  GridSampleKernel(Function function, const Problem& problem) : function_(std::move(function)) { samples_.align = problem.attributes.i_or("align_corners", 0) != 0; }
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims> outputs, int) override {
    const Dims &x = inputs[0], &y = outputs[0];
    samples_.channels = x[1];
    samples_.h = x[2];
    samples_.w = x[3];
    samples_.pixels = y[2] * y[3];
    samples_.count = product(y);
    if (samples_.count > 0 && (x[2] == 0 || x[3] == 0)) return make_error(Code::kUnsupported, "an image of no pixels");
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(samples_.count, args.stream);
    return cuda::launch(function_, how, args.inputs[0], args.inputs[1], args.outputs[0], samples_);
  }

 private:
  Function function_;
  Samples samples_;
};

class GridSample final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "GridSample")) return;
    if (problem.has_epilogue()) return answer.decline("an epilogue");
    if (!is_compute_float(problem.inputs[0].dtype) || problem.inputs[1].dtype != problem.inputs[0].dtype) return answer.decline("not f32, f16 or bf16 both");
    if (problem.inputs[0].rank() != 4) return answer.decline(fmt::format("rank {}, takes 4", problem.inputs[0].rank()));
    if (mode_of(problem) < 0 || padding_of(problem) < 0) return answer.decline("an unknown mode or padding");
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, "grid_sample"));
    return std::unique_ptr<Kernel>(std::make_unique<GridSampleKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    return Source{"grid_sample.cu",
                  {fmt::format("TYPE={}", device_type(problem.inputs[0].dtype)), fmt::format("MODE={}", mode_of(problem)), fmt::format("PAD={}", padding_of(problem))},
                  ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(grid_sample, GridSample)

}  // namespace sinter::cuda
