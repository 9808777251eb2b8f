// QuantizeLinear to and DequantizeLinear from integers of 8 and 16 bits (the latter also i32) and floats of 8 bits, one scale for all, for each place along an axis, or for each
// block along it; row-major (kernels/quantize.cu). Bandwidth-bound.
#include "cuda/cuda_tactic.h"
#include "tactic/scale_grid.h"

namespace sinter::cuda {
namespace {

bool quantizes(const Problem& problem) { return problem.op == "QuantizeLinear"; }
DType narrow_type(const Problem& problem) { return quantizes(problem) ? problem.outputs[0].dtype : problem.inputs[0].dtype; }
// As kernels/float8.h counts them; 0: no float of 8 bits.
int float8_kind(DType dtype) {
  constexpr DType kKinds[] = {DType::kF8E4M3FN, DType::kF8E4M3FNUZ, DType::kF8E5M2, DType::kF8E5M2FNUZ};
  for (int i = 0; i < 4; ++i) {
    if (kKinds[i] == dtype) return i + 1;
  }
  return 0;
}
bool has_zeros(const Problem& problem) { return problem.inputs.size() > 2 && problem.inputs[2].present; }

class QuantizeKernel final : public Kernel {
 public:
  QuantizeKernel(Function function, Problem problem) : function_(std::move(function)), problem_(std::move(problem)) {
    const DType to = problem_.outputs[0].dtype;
    const int bits = dtype_bits(to);
    if (!quantizes(problem_)) return;
    if (float8_kind(to)) {
      low_ = problem_.attributes.i_or("saturate", 1) != 0;
      return;
    }
    low_ = is_signed(to) ? -(1 << (bits - 1)) : 0;
    high_ = (is_signed(to) ? 1 << (bits - 1) : 1 << bits) - 1;
  }
  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    SINTER_ASSIGN(grid_, resolve_scale_grid(problem_, inputs[0], inputs[1]));
    return int64_t{0};
  }
  Status launch(const LaunchArgs& args) override {
    const Launch how = a_thread_each(grid_.count, args.stream);
    const void* zeros = has_zeros(problem_) ? args.inputs[2] : nullptr;
    return cuda::launch(function_, how, args.inputs[0], args.inputs[1], zeros, args.outputs[0], grid_, low_, high_);
  }

 private:
  Function function_;
  Problem problem_;
  ScaleGrid grid_;
  int32_t low_ = 0, high_ = 0;
};

std::string unsuitable(const Problem& problem) {
  if (problem.has_epilogue()) return "an epilogue";
  const DType from = problem.inputs[0].dtype, scale = problem.inputs[1].dtype, to = problem.outputs[0].dtype, narrow = narrow_type(problem);
  const bool integer = is_integer(narrow) && (dtype_bits(narrow) == 8 || dtype_bits(narrow) == 16 || (!quantizes(problem) && narrow == DType::kI32));
  if (!integer && !float8_kind(narrow)) return fmt::format("not for {}", dtype_name(narrow));
  if (!is_compute_float(scale)) return "scales that are not f32, f16 or bf16";
  if (quantizes(problem) ? !is_compute_float(from) && from != DType::kI32 : !is_compute_float(to)) return "values that are not f32, f16 or bf16";
  if (problem.attributes.i_or("precision", 0) != 0) return "a precision of the division";
  const auto grid = resolve_scale_grid(problem, problem.inputs[0].opt, problem.inputs[1].opt);
  return grid.ok() ? "" : grid.status().message();
}

class Quantize final : public CudaTactic {
 public:
  using CudaTactic::CudaTactic;
  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "QuantizeLinear") && !is_op(problem, "DequantizeLinear")) return;
    const std::string reason = unsuitable(problem);
    if (!reason.empty()) return answer.decline(reason);
    answer.offer(uniform_offer(problem, Layout::kRowMajor));
  }
  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor> blobs) const override {
    SINTER_ASSIGN(Function function, load_code(blobs, quantizes(problem) ? "quantize" : "dequantize"));
    return std::unique_ptr<Kernel>(std::make_unique<QuantizeKernel>(std::move(function), problem));
  }

 protected:
  Result<Source> source(const Problem& problem, const Offer&) const override {
    const std::string_view scale = device_type(problem.inputs[1].dtype);
    const int kind = float8_kind(narrow_type(problem));
    const auto type_of = [&](DType dtype) { return kind && dtype == narrow_type(problem) ? std::string_view("u8") : device_type(dtype); };
    return Source{"quantize.cu",
                  {fmt::format("QUANTIZE={}", quantizes(problem) ? 1 : 0), fmt::format("FROM={}", type_of(problem.inputs[0].dtype)),
                   fmt::format("SCALE={}", scale), fmt::format("PRECISION={}", scale), fmt::format("TO={}", type_of(problem.outputs[0].dtype)), fmt::format("FLOAT8={}", kind)},
                  ""};
  }
};

}  // namespace

SINTER_CUDA_TACTIC(quantize, Quantize)

}  // namespace sinter::cuda
