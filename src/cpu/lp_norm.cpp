// LpNormalization with p 1 and 2, f32: row-major along any axis, and channels-last along the channels, where each pixel is a row. A
// norm of zero gives zeros.
#include <algorithm>
#include <cmath>

#include "cpu/cpu_tactic.h"
#include "cpu/kernels/pointwise_steps.h"
#include "cpu/kernels/row_kernels.h"

namespace sinter::cpu {
namespace {

constexpr int64_t kStrip = 256;
constexpr int64_t kMinPartElements = 8192;

class LpNormKernel final : public Kernel {
 public:
  LpNormKernel(const Problem& problem, const Offer& offer)
      : rows_(row_kernels(problem.isa)), steps_(pointwise_steps(problem.isa)), layout_(offer.input_layouts[0]),
        wanted_axis_(problem.attributes.i_or("axis", -1)), squares_(problem.attributes.i_or("p", 2) == 2) {}

  Result<int64_t> specialize(std::span<const Dims> inputs, std::span<const Dims>, int) override {
    const Dims& dims = inputs[0];
    const auto axis = static_cast<size_t>(normal_axis(wanted_axis_, static_cast<int64_t>(dims.size())));
    outer_ = product(dims, 0, axis);
    length_ = dims[axis];
    inner_ = product(dims, axis + 1);
    if (layout_ == Layout::kChannelsLast) {
      outer_ *= inner_;
      inner_ = 1;
    }
    return int64_t{0};
  }

  Status launch(const LaunchArgs& args) override {
    const auto* input = static_cast<const float*>(args.inputs[0]);
    auto* output = static_cast<float*>(args.outputs[0]);
    const int64_t strips = ceil_quotient(inner_, kStrip), unit = std::max<int64_t>(1, length_ * std::min(inner_, kStrip));
    args.team->split(outer_ * strips, std::max<int64_t>(1, kMinPartElements / unit), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % strips * kStrip, at = i / strips * length_ * inner_ + first;
        if (inner_ == 1) row(input + at, output + at);
        else strip(input + at, output + at, std::min(kStrip, inner_ - first));
      }
    });
    return ok_status();
  }

 private:
  float norm_of(float sum) const { return squares_ ? std::sqrt(sum) : sum; }
  PointwiseStep step(PointwiseOp op) const { return steps_.step[static_cast<int>(op)][0]; }

  void row(const float* a, float* d) const {
    const float norm = norm_of(squares_ ? rows_.sum_square(a, 0.0f, length_) : rows_.sum_abs(a, length_));
    if (norm == 0) std::fill_n(d, length_, 0.0f);
    else rows_.scale(d, a, 1.0f / norm, length_);
  }

  void strip(const float* a, float* d, int64_t n) const {
    float norm[kStrip], chunk[kStrip];
    std::fill_n(norm, n, 0.0f);
    for (int64_t k = 0; k < length_; ++k) {
      const float* x = a + k * inner_;
      step(squares_ ? PointwiseOp::kMul : PointwiseOp::kAbs)(chunk, x, squares_ ? x : nullptr, nullptr, n);
      step(PointwiseOp::kAdd)(norm, norm, chunk, nullptr, n);
    }
    for (int64_t i = 0; i < n; ++i) {
      norm[i] = norm_of(norm[i]);
      if (norm[i] == 0) norm[i] = HUGE_VALF;  // all its elements are zeros
    }
    for (int64_t k = 0; k < length_; ++k) step(PointwiseOp::kDiv)(d + k * inner_, a + k * inner_, norm, nullptr, n);
  }

  const RowKernels& rows_;
  const PointwiseSteps& steps_;
  Layout layout_;
  int64_t wanted_axis_;
  bool squares_;
  int64_t outer_ = 1, length_ = 1, inner_ = 1;
};

class LpNorm final : public CpuTactic {
 public:
  using CpuTactic::CpuTactic;

  void query(const Problem& problem, Answer& answer) const override {
    if (!is_op(problem, "LpNormalization")) return;
    if (problem.has_epilogue()) return answer.decline("no epilogue");
    const TensorDesc& input = problem.inputs[0];
    if (input.dtype != DType::kF32) return answer.decline("not f32");
    const int64_t p = problem.attributes.i_or("p", 2), axis = normal_axis(problem.attributes.i_or("axis", -1), input.rank());
    if (p != 1 && p != 2) return answer.decline("p is neither 1 nor 2");
    if (axis < 0 || axis >= input.rank()) return answer.decline("axis out of range");
    for (const Layout layout : {Layout::kRowMajor, Layout::kChannelsLast}) {
      if (layout != Layout::kRowMajor && (axis != 1 || input.rank() < 3)) continue;
      Offer offer = uniform_offer(problem, layout);
      offer.in_place_input = 0;
      answer.offer(std::move(offer));
    }
  }

  Result<std::unique_ptr<Kernel>> bind(const Problem& problem, const Offer& offer, std::span<const Tensor>) const override {
    return std::unique_ptr<Kernel>(std::make_unique<LpNormKernel>(problem, offer));
  }
};

}  // namespace

SINTER_CPU_TACTIC(lp_norm, LpNorm)

}  // namespace sinter::cpu
