// GlobalAveragePool and GlobalMaxPool, f32, every layout. Row-major: a sum over each row. Channels-last and blocked: sums of vectors
// of channels, in groups of pixels so that long sums keep their digits.
#include <algorithm>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;              // channels at a time
constexpr int64_t kGroup = 64;               // pixels in a partial sum
constexpr int64_t kMinPartElements = 16384;

class GlobalPoolKernel final : public Kernel {
 public:
  GlobalPoolKernel(const Problem& problem, const Offer& offer)
      : rows_(row_kernels(problem.isa)), step_(pointwise_steps(problem.isa).step[static_cast<int>(average_of(problem) ? PointwiseOp::kAdd : PointwiseOp::kMax)][0]),
        layout_(offer.input_layouts[0]), average_(average_of(problem)) {}

  static bool average_of(const Problem& problem) { return problem.op == "GlobalAveragePool"; }

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const int64_t block = channel_block(layout_);
    pixels_ = product(dims, 2);
    vector_ = layout_ == Layout::kRowMajor ? 1 : block > 1 ? block : dims[1];
    outer_ = layout_ == Layout::kRowMajor ? dims[0] * dims[1] : block > 1 ? dims[0] * ceil_quotient(dims[1], block) : dims[0];
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const float*>(args.inputs[0]);
    auto* output = static_cast<float*>(args.outputs[0]);
    const float factor = 1.0f / static_cast<float>(pixels_);
    const int64_t strips = ceil_quotient(vector_, kStrip);
    const int64_t unit = std::max<int64_t>(1, pixels_ * std::min(vector_, kStrip));
    args.team->split(outer_ * strips, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t outer = i / strips, first = i % strips * kStrip;
        const float* a = input + outer * pixels_ * vector_ + first;
        float* d = output + outer * vector_ + first;
        if (vector_ == 1) {
          *d = average_ ? rows_.sum(a, pixels_) * factor : rows_.max(a, pixels_);
        } else {
          strip(a, d, std::min(kStrip, vector_ - first), factor);
        }
      }
    });
    return ok_status();
  }

 private:
  void strip(const float* a, float* d, int64_t n, float factor) const {
    float total[kStrip], part[kStrip];
    for (int64_t p = 0; p < pixels_; p += kGroup) {
      const int64_t end = std::min(pixels_, p + kGroup);
      std::copy_n(a + p * vector_, n, part);
      for (int64_t q = p + 1; q < end; ++q) step_(part, part, a + q * vector_, nullptr, n);
      if (p == 0) {
        std::copy_n(part, n, total);
      } else {
        step_(total, total, part, nullptr, n);
      }
    }
    for (int64_t i = 0; i < n; ++i) d[i] = average_ ? total[i] * factor : total[i];
  }

  const RowKernels& rows_;
  PointwiseStep step_;
  Layout layout_;
  bool average_;
  int64_t pixels_ = 0, vector_ = 1, outer_ = 0;
};

class GlobalPool final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "GlobalAveragePool") && !is_op(problem, "GlobalMaxPool")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    if (problem.inputs[0].dtype != DType::kF32) return answer.decline("not f32");
    if (problem.inputs[0].rank() < 3) return answer.decline("rank below 3");
    for (size_t i = 2; i < problem.inputs[0].shape.size(); ++i) {
      if (problem.inputs[0].shape[i].is(0)) return answer.decline("no pixels");
    }
    for (int l = 0; l < kLayoutCount; ++l) answer.offer(uniform_offer(problem, static_cast<Layout>(l)));
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<GlobalPoolKernel>(problem, offer));
  }
};

}  // namespace

SINTER_CPU_TACTIC(global_pool, GlobalPool)

}  // namespace sinter::cpu
