// LRN, f32, row-major and channels-last. Squares are made once and summed over each window of channels with vectors across pixels
// (row-major) or channels (channels-last).
#include <algorithm>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;  // pixels side by side in row-major
constexpr int64_t kMinPartElements = 4096;

class LrnKernel final : public Kernel {
 public:
  LrnKernel(const Problem& problem, const Offer& offer)
      : rows_(row_kernels(problem.isa)), steps_(pointwise_steps(problem.isa)), layout_(offer.input_layouts[0]), size_(problem.attributes.i("size")),
        alpha_(problem.attributes.f_or("alpha", 0.0001f)), beta_(problem.attributes.f_or("beta", 0.75f)), bias_(problem.attributes.f_or("bias", 1.0f)) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int threads) override {
    batch_ = inputs[0][0];
    channels_ = inputs[0][1];
    pixels_ = product(inputs[0], 2);
    width_ = layout_ == Layout::kRowMajor ? std::min(kStrip, std::max<int64_t>(pixels_, 1)) : 1;
    // A window wider than the channels sums them all; zeros stand on both sides.
    before_ = std::min(channels_, (size_ - 1) / 2);
    after_ = std::min(channels_, size_ - 1 - (size_ - 1) / 2);
    const int64_t row = layout_ == Layout::kRowMajor ? width_ : channels_;
    part_floats_ = round_up((channels_ + before_ + after_) * width_ + 2 * row, 16);
    return part_floats_ * 4 * threads;
  }

  Status launch(const LaunchArgs& args) override {
    const int64_t strips = ceil_quotient(pixels_, width_), units = batch_ * strips;
    if (units * channels_ == 0) return ok_status();
    const int parts = static_cast<int>(std::clamp<int64_t>(batch_ * pixels_ * channels_ / kMinPartElements, 1, std::min<int64_t>(args.team->size(), units)));
    args.team->run(parts, [&](int part) {
      float* scratch = static_cast<float*>(args.workspace) + part * part_floats_;
      for (int64_t i = units * part / parts; i < units * (part + 1) / parts; ++i) {
        const int64_t first = i % strips * width_;
        const int64_t at = layout_ == Layout::kRowMajor ? i / strips * channels_ * pixels_ + first : i * channels_;
        const auto* a = static_cast<const float*>(args.inputs[0]) + at;
        auto* d = static_cast<float*>(args.outputs[0]) + at;
        if (layout_ == Layout::kRowMajor) planes(a, d, std::min(width_, pixels_ - first), scratch);
        else pixel(a, d, scratch);
      }
    });
    return ok_status();
  }

 private:
  PointwiseStep step(PointwiseOp op) const { return steps_.step[static_cast<int>(op)][0]; }

  // d = a / (bias + alpha / size * sum)^beta
  void divide(float* d, const float* a, float* sum, float* spare, int64_t n) const {
    rows_.affine(sum, sum, 0.0f, alpha_ / static_cast<float>(size_), bias_, n);
    if (beta_ == 0.75f) {
      step(PointwiseOp::kSqrt)(sum, sum, nullptr, nullptr, n);
      step(PointwiseOp::kSqrt)(spare, sum, nullptr, nullptr, n);
      step(PointwiseOp::kMul)(sum, sum, spare, nullptr, n);
    } else {
      std::fill_n(spare, n, beta_);
      step(PointwiseOp::kPow)(sum, sum, spare, nullptr, n);
    }
    step(PointwiseOp::kDiv)(d, a, sum, nullptr, n);
  }

  // A strip of n pixels in all channels.
  void planes(const float* a, float* d, int64_t n, float* scratch) const {
    const int64_t rows = channels_ + before_ + after_;
    float *squares = scratch + before_ * n, *sum = scratch + rows * n, *spare = sum + n;
    std::fill_n(scratch, before_ * n, 0.0f);
    std::fill_n(squares + channels_ * n, after_ * n, 0.0f);
    for (int64_t c = 0; c < channels_; ++c) step(PointwiseOp::kMul)(squares + c * n, a + c * pixels_, a + c * pixels_, nullptr, n);
    for (int64_t c = 0; c < channels_; ++c) {
      rows_.column_sum(sum, squares + (c - before_) * n, n, before_ + after_ + 1, n);
      divide(d + c * pixels_, a + c * pixels_, sum, spare, n);
    }
  }

  // One pixel's channels.
  void pixel(const float* a, float* d, float* scratch) const {
    const int64_t rows = channels_ + before_ + after_;
    float *squares = scratch + before_, *sum = scratch + rows, *spare = sum + channels_;
    std::fill_n(scratch, before_, 0.0f);
    std::fill_n(squares + channels_, after_, 0.0f);
    step(PointwiseOp::kMul)(squares, a, a, nullptr, channels_);
    rows_.column_sum(sum, scratch, 1, before_ + after_ + 1, channels_);
    divide(d, a, sum, spare, channels_);
  }

  const RowKernels& rows_;
  const PointwiseSteps& steps_;
  Layout layout_;
  int64_t size_;
  float alpha_, beta_, bias_;
  int64_t batch_ = 0, channels_ = 0, pixels_ = 0, width_ = 1, before_ = 0, after_ = 0, part_floats_ = 0;
};

class Lrn final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "LRN")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const TensorDesc& input = problem.inputs[0];
    if (input.dtype != DType::kF32) return answer.decline("not f32");
    if (input.rank() < 3) return answer.decline("rank below 3");
    if (problem.attributes.i("size") < 1) return answer.decline("no window");
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      Offer offer = uniform_offer(problem, layout);
      const std::vector<Dims> dims{input.opt};
      offer.workspace_bytes = *LrnKernel(problem, offer).specialize(dims, {}, problem.threads);
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<LrnKernel>(problem, offer));
  }
};

}  // namespace

SINTER_CPU_TACTIC(lrn, Lrn)

}  // namespace sinter::cpu
