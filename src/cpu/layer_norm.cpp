// LayerNormalization and RMSNormalization over the trailing axes, f32, row-major. Mean and variance in two passes over a row that
// stays in cache (the one-pass form loses digits where the mean is large). Gain and bias must have the normalized shape. Of
// LayerNormalizationPair the second result is a copy here, which cpu.widen makes narrow.
#include <cmath>
#include <cstring>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kMinPartElements = 8192;

bool is_pair(const Problem& problem) { return is_op(problem, "LayerNormalizationPair", "sinter"); }

class LayerNormKernel final : public Kernel {
 public:
  explicit LayerNormKernel(const Problem& problem)
      : rows_(row_kernels(problem.isa)), axis_(problem.attributes.i_or("axis", -1)), epsilon_(problem.attributes.f_or("epsilon", 1e-5f)),
        centers_(problem.op != "RMSNormalization"), pair_(is_pair(problem)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const auto axis = static_cast<size_t>(normal_axis(axis_, static_cast<int64_t>(inputs[0].size())));
    count_ = product(inputs[0], 0, axis);
    length_ = product(inputs[0], axis);
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const float*>(args.inputs[0]);
    const auto* gain = static_cast<const float*>(args.inputs[1]);
    const auto* bias = has_bias(args);
    auto* output = static_cast<float*>(args.outputs[0]);
    if (length_ == 0) return ok_status();
    args.team->split(count_, std::max<int64_t>(1, kMinPartElements / length_), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const float* a = input + i * length_;
        const float mean = centers_ ? rows_.sum(a, length_) / static_cast<float>(length_) : 0.0f;
        const float variance = rows_.sum_square(a, mean, length_) / static_cast<float>(length_);
        rows_.normalize(output + i * length_, a, mean, 1.0f / std::sqrt(variance + epsilon_), gain, bias, length_);
        if (pair_) std::memcpy(static_cast<float*>(args.outputs[1]) + i * length_, output + i * length_, static_cast<size_t>(length_) * sizeof(float));
      }
    });
    return ok_status();
  }

  bool bias_input = false;

 private:
  const float* has_bias(const LaunchArgs& args) const { return bias_input ? static_cast<const float*>(args.inputs[2]) : nullptr; }

  const RowKernels& rows_;
  int64_t axis_;
  float epsilon_;
  bool centers_, pair_;
  int64_t count_ = 0, length_ = 0;
};

class LayerNorm final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "LayerNormalization") && !is_op(problem, "RMSNormalization") && !is_pair(problem)) return;
    const bool pair = is_pair(problem);
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (pair && problem.outputs[1].dtype != DType::kF32) return answer.decline("a second result that is not f32");
    for (size_t i = 1; i < problem.outputs.size() && !pair; ++i) {
      if (problem.outputs[i].present) return answer.decline("mean and inverse deviation are wanted");
    }
    const TensorDesc& input = problem.inputs[0];
    const int64_t axis = normal_axis(problem.attributes.i_or("axis", -1), input.rank());
    if (axis < 0 || axis >= input.rank()) return answer.decline("axis out of range");
    const Shape normalized(input.shape.begin() + axis, input.shape.end());
    for (size_t i = 0; i < problem.inputs.size(); ++i) {
      const TensorDesc& desc = problem.inputs[i];
      if (!desc.present && i == 2) continue;
      if (!desc.present || desc.dtype != DType::kF32) return answer.decline("not f32");
      if (i > 0 && desc.shape != normalized) return answer.decline("gain or bias of another shape than the normalized axes");
    }
    Offer offer = uniform_offer(problem, Layout::kRowMajor);
    if (!pair) offer.in_place_input = 0;
    answer.offer(std::move(offer));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer&, std::span<const Tensor>) const override {
    auto kernel = std::make_unique<LayerNormKernel>(problem);
    kernel->bias_input = problem.inputs.size() > 2 && problem.inputs[2].present;
    return std::unique_ptr<Kernel>(std::move(kernel));
  }
};

}  // namespace

SINTER_CPU_TACTIC(layer_norm, LayerNorm)

}  // namespace sinter::cpu
